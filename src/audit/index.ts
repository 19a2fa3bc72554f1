export { createEventRecorder, type EventRecorder } from "./event-recorder.ts";
export { startSequencer } from "./sequencer.ts";
