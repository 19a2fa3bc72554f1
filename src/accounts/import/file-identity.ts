import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";

/** Tells whether a file has changed since its import began. A hash of a large file as a whole would take too long. */
export interface FileIdentity {
  /** Bytes. */
  readonly size: number;
  /** Time of the last modification (ms since 1970). */
  readonly modified: number;
  /** SHA-256 of the first 64 KiB. */
  readonly beginning: string;
}

const hashedBytes = 64 * 1024;

export async function identifyFile(file: string): Promise<FileIdentity> {
  const { size, mtimeMs } = await stat(file);
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(hashedBytes), 0, hashedBytes, 0);
    const beginning = createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex");
    return { size, modified: Math.floor(mtimeMs), beginning };
  } finally {
    await handle.close();
  }
}

export const isSameFile = (a: FileIdentity, b: FileIdentity): boolean =>
  a.size === b.size && a.modified === b.modified && a.beginning === b.beginning;
