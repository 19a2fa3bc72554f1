import type { Hash } from "./merkle.ts";
import { parseNote, type SignedNote, SignedNoteError } from "./signed-note.ts";

/** The state of a log: its first `size` leaves have the root `root` (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Names the log. No two logs have the same origin. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

/** A checkpoint with its signatures, which are not checked. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: SignedNote;
}

/** @throws {SignedNoteError} */
export function parseSignedCheckpoint(text: string): SignedCheckpoint {
  const note = parseNote(text);
  return { ...parseCheckpoint(note.text), note };
}

/** The text of a checkpoint, which is signed as a note. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;

/**
 * Reads the text of a note. Lines after the third, which are extensions, are ignored.
 *
 * @throws {SignedNoteError}
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", number = "", hash = ""] = text.split("\n");
  const root = Buffer.from(hash, "base64");
  const size = Number(number);
  if (
    origin === "" ||
    !/^(0|[1-9]\d*)$/.test(number) ||
    !Number.isSafeInteger(size) ||
    root.length !== 32 ||
    root.toString("base64") !== hash
  )
    throw new SignedNoteError("is not a checkpoint: an origin, a number of leaves and the hash of their tree.");
  return { origin, size, root };
}
