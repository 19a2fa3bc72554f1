/** The log of the audit trail: batched events, its order, its signed checkpoints, its proofs and its verification. */
export { readNotes } from "./checkpoint-file.ts";
export { findCheckpointFileProblems } from "./checkpoint-file-problems.ts";
export { type CheckpointWriter, startCheckpointWriter } from "./checkpoint-writer.ts";
export { LogForkError, readLastCheckpoint, requireSigner, signerFor } from "./checkpoints.ts";
export { createEventRecorder, type EventRecorder } from "./event-recorder.ts";
export { rotateSigningKey } from "./key-rotation.ts";
export { beginNewOrigin } from "./new-origin.ts";
export { type LogPosition, parsePosition } from "./position.ts";
export { proveConsistency, proveEntry } from "./prove.ts";
export { sealLog } from "./seal.ts";
export { startSequencer } from "./sequencer.ts";
export {
  createNoteSigner,
  type NoteSigner,
  type NoteVerifier,
  parseNoteVerifier,
  SignedNoteError,
} from "./signed-note.ts";
export { configuredSigners } from "./signing-keys.ts";
export type { TailEntry } from "./tail/tail-entry.ts";
export { AuditTails } from "./tail/tails.ts";
export type { Finding } from "./verification/findings.ts";
export { type LogVerification, verifyLog } from "./verification/verify-log.ts";
