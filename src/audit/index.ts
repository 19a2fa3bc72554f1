export { createEventRecorder, type EventRecorder } from "./event-recorder.ts";
