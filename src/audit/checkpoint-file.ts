import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Executor } from "../database/index.ts";
import { OperatorError } from "../errors.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { readCheckpointsAfter } from "./checkpoints.ts";
import { SignedNoteError } from "./signed-note.ts";

/** Bytes at the end of the file in which its last note is looked for first. A note has some hundred bytes. */
const tailSize = 64 * 1024;

/** AUDIT_CHECKPOINT_FILE cannot be read or written. */
export class CheckpointFileError extends OperatorError {
  override readonly name = "CheckpointFileError";
}

/** Finds the whole notes in a text that comes in chunks: lines, an empty line and signatures. All else is passed over. */
class NoteReader {
  /** The line that the next chunk goes on. */
  #line = "";
  #text = "";
  #isTextEnded = false;
  #signatures = "";

  /** The notes that a chunk completes: those that another line follows. */
  read(chunk: string): string[] {
    const lines = `${this.#line}${chunk}`.split("\n");
    this.#line = lines.pop() ?? "";
    return lines.flatMap((line) => this.#readLine(line));
  }

  /** The note at the end. */
  end(): string[] {
    return this.#take();
  }

  /** Whether the text ends in the middle of a note, which a crash may have left unfinished. */
  get isUnfinished(): boolean {
    return this.#line !== "" || (this.#text !== "" && this.#signatures === "");
  }

  #readLine(line: string): string[] {
    if (line === "") {
      const isTextEnd = this.#text !== "" && !this.#isTextEnded;
      if (!isTextEnd) return this.#take();
      this.#isTextEnded = true;
      return [];
    }
    if (this.#isTextEnded && line.startsWith("— ")) {
      this.#signatures += `${line}\n`;
      return [];
    }
    const notes = this.#isTextEnded ? this.#take() : [];
    this.#text += `${line}\n`;
    return notes;
  }

  #take(): string[] {
    const notes = this.#signatures === "" ? [] : [`${this.#text}\n${this.#signatures}`];
    this.#text = "";
    this.#isTextEnded = false;
    this.#signatures = "";
    return notes;
  }
}

/** The whole notes in a text, such as a file of checkpoints, and whether it ends in the middle of a further one. */
export function readNotes(text: string): { notes: string[]; isUnfinished: boolean } {
  const reader = new NoteReader();
  const notes = reader.read(text);
  const { isUnfinished } = reader;
  return { notes: [...notes, ...reader.end()], isUnfinished };
}

/** The notes of a file, which may be large. None for a file that does not exist. @throws {CheckpointFileError} */
export async function* readFileNotes(file: string): AsyncGenerator<string> {
  const reader = new NoteReader();
  try {
    for await (const chunk of createReadStream(file, "utf8")) yield* reader.read(chunk);
  } catch (error) {
    if (isMissing(error)) return;
    throw readError(file, error);
  }
  yield* reader.end();
}

/**
 * The last checkpoint in a file: of any origin, or of a given one. One that a crash left unfinished is passed over. Undefined
 * without one, and for a file that does not exist.
 *
 * @throws {CheckpointFileError}
 */
export async function readLastNote(file: string, origin?: string): Promise<string | undefined> {
  const isWanted = (note: string) => {
    const found = noteOrigin(note);
    return found !== undefined && (origin === undefined || found === origin);
  };
  const { tail, isWhole } = await readTail(file);
  let last = readNotes(tail).notes.findLast(isWanted);
  if (last !== undefined || isWhole) return last;
  // Checkpoints of another origin follow, such as one that was begun later.
  for await (const note of readFileNotes(file)) if (isWanted(note)) last = note;
  return last;
}

/** The origin of a checkpoint. Undefined for another text: nothing in the file is trusted to be whole. */
export function noteOrigin(note: string): string | undefined {
  try {
    return parseSignedCheckpoint(note).origin;
  } catch (error) {
    if (error instanceof SignedNoteError) return undefined;
    throw error;
  }
}

/** Creates the file if it does not exist. @throws {CheckpointFileError} if the file cannot be appended to */
export async function requireAppendable(file: string): Promise<void> {
  const handle = await open(file, "a", 0o644).catch((error: unknown) => {
    throw writeError(file, error);
  });
  await handle.close();
}

/** Appends notes, and returns when the disk has them. @throws {CheckpointFileError} */
export async function appendNotes(file: string, notes: readonly string[]): Promise<void> {
  try {
    // Two newlines end a note that a crash left unfinished.
    await withFile(file, "a", async (handle) => {
      await handle.appendFile(notes.map((text) => `\n\n${text}`).join(""));
      await handle.datasync();
    });
  } catch (error) {
    throw writeError(file, error);
  }
}

/**
 * Appends the stored checkpoints of an origin that are later than the last one in the file, and returns when the disk has them.
 *
 * @throws {CheckpointFileError}
 */
export async function completeCheckpointFile(db: Executor, file: string, origin: string): Promise<void> {
  const last = await readLastNote(file, origin);
  const missing = await readCheckpointsAfter(db, origin, last === undefined ? 0 : parseSignedCheckpoint(last).size);
  if (missing.length > 0) await appendNotes(file, missing);
}

/**
 * Runs work that signs checkpoints of an origin, and appends them to the file, if there is one.
 *
 * @throws {CheckpointFileError} before the work, if the file cannot be appended to
 */
export async function withCheckpointFile<T>(
  db: Executor,
  { file, origin }: { file: string | undefined; origin: string },
  sign: () => Promise<T>,
): Promise<T> {
  if (file === undefined) return sign();
  await requireAppendable(file);
  const signed = await sign();
  await completeCheckpointFile(db, file, origin);
  return signed;
}

/** The checkpoint of an origin in a file that the log must contain: the last one, if there is one. */
export async function readKnownNotes(file: string | undefined, origin: string): Promise<string[]> {
  const note = file === undefined ? undefined : await readLastNote(file, origin);
  return note === undefined ? [] : [note];
}

/** The end of a file, and whether that is the whole of it. Empty for a file that does not exist. */
async function readTail(file: string): Promise<{ tail: string; isWhole: boolean }> {
  try {
    return await withFile(file, "r", async (handle) => {
      const { size } = await handle.stat();
      const start = Math.max(0, size - tailSize);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(tailSize), 0, tailSize, start);
      return { tail: buffer.toString("utf8", 0, bytesRead), isWhole: start === 0 };
    });
  } catch (error) {
    if (isMissing(error)) return { tail: "", isWhole: true };
    throw readError(file, error);
  }
}

async function withFile<T>(file: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file, flags, 0o644);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

const writeError = (file: string, error: unknown) =>
  new CheckpointFileError(
    `AUDIT_CHECKPOINT_FILE (${file}) cannot be appended to: ${(error as Error).message}. Let the service write the file, make ` +
      "room for it, or set another one.",
  );

const readError = (file: string, error: unknown) =>
  new CheckpointFileError(
    `AUDIT_CHECKPOINT_FILE (${file}) cannot be read: ${(error as Error).message}. Let the service read the file, which has ` +
      "the checkpoints that the log must contain, or set another one.",
  );
