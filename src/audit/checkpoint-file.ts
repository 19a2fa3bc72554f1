import { open } from "node:fs/promises";
import { parseSignedCheckpoint } from "./checkpoint.ts";

/** Bytes at the end of the file that are read for its last note. A note has some hundred bytes. */
const tailSize = 64 * 1024;

/** A whole note: lines, an empty line and signatures. */
const note = /(?:[^\n]+\n)+\n(?:— [^\n]+\n)+/g;

/** The notes in a text, such as a file of checkpoints. */
export const readNotes = (text: string): string[] => text.match(note) ?? [];

/**
 * The last checkpoint of an origin in a file of notes that are separated by an empty line. One that a crash left unfinished is
 * passed over. Undefined without one, and for a file that does not exist.
 */
export async function readLastNote(file: string, origin: string): Promise<string | undefined> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - tailSize);
    const { buffer } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return readNotes(buffer.toString("utf8")).findLast((text) => parseSignedCheckpoint(text).origin === origin);
  } finally {
    await handle.close();
  }
}

/** Appends notes, and returns when the disk has them. */
export async function appendNotes(file: string, notes: readonly string[]): Promise<void> {
  const handle = await open(file, "a", 0o644);
  try {
    // Two newlines end a note that a crash left unfinished.
    await handle.appendFile(notes.map((text) => `\n\n${text}`).join(""));
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
