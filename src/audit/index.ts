/** The log of the audit trail: batched events, its order, its signed checkpoints. */
export { startCheckpointWriter } from "./checkpoint-writer.ts";
export { LogForkError, readLastCheckpoint, requireSigner, signerFor } from "./checkpoints.ts";
export { createEventRecorder, type EventRecorder } from "./event-recorder.ts";
export { rotateSigningKey } from "./key-rotation.ts";
export { startSequencer } from "./sequencer.ts";
export { createNoteSigner, SignedNoteError } from "./signed-note.ts";
export { configuredSigners } from "./signing-keys.ts";
