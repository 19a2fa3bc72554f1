import { hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { PasswordList } from "./common-passwords.ts";
import { foldCase, normalizePassword } from "./password-text.ts";

/** Bytes that are read at once. A line is much shorter. */
const blockSize = 4_096;
const maxLineLength = 64;

/** Places of the file whose lines are checked when it is opened. */
const samples = 64;

/** A line of the files of Have I Been Pwned: a SHA-1 hash, and how often the password was seen. */
const line = /^(?<hash>[0-9A-Fa-f]{40})(?::\d{1,20})?$/;

/** An open file of breached passwords. */
export interface BreachedPasswords {
  /** Whether the file has the password as it is given, or in lower case. */
  readonly has: PasswordList;
  close(): Promise<void>;
}

/**
 * Opens a file of SHA-1 hashes of passwords, sorted by hash, as Have I Been Pwned publishes them. The file has tens of
 * gigabytes: a look-up is a binary search that reads some 25 blocks of 4 KiB, and nothing is kept in memory.
 *
 * @throws {Error} if the file cannot be read, or lines at 64 places of it have another form or order. The message is for
 *   operators.
 */
export async function openBreachedPasswords(path: string): Promise<BreachedPasswords> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot be read (${error.code})`, { cause: error });
  });
  try {
    const { size } = await file.stat();
    await checkForm(file, size);
    const hasHash = (text: string) => hasLine(file, size, hash("sha1", text, "hex").toUpperCase());
    return {
      has: async (password) => (await hasHash(normalizePassword(password))) || hasHash(foldCase(password)),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The hashes of the lines that begin at `from` or later and before `to`, in upper case. @throws {Error} for other lines */
async function hashesBetween(file: FileHandle, from: number, to: number): Promise<string[]> {
  // The byte before tells whether a line begins at `from`; the last line may end after `to`.
  const start = Math.max(0, from - 1);
  const length = to + maxLineLength - start;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), { position: start });
  const text = buffer.toString("latin1", 0, bytesRead);
  const hashes: string[] = [];
  let at = from === 0 ? 0 : text.indexOf("\n") + 1;
  if (from > 0 && at === 0) {
    // The last line, which has no end.
    if (bytesRead < length) return [];
    throw wrongForm();
  }
  while (at < text.length && start + at < to) {
    const end = text.indexOf("\n", at);
    const found = line.exec(text.slice(at, end < 0 ? undefined : end).replace(/\r$/, ""))?.groups?.["hash"];
    if (found === undefined) throw wrongForm();
    hashes.push(found.toUpperCase());
    at = end < 0 ? text.length : end + 1;
  }
  return hashes;
}

const wrongForm = () => new Error("must have lines of a SHA-1 hash, a colon and a number");

async function checkForm(file: FileHandle, size: number): Promise<void> {
  if (size === 0) throw new Error("is empty");
  let previous = "";
  for (let sample = 0; sample < samples; sample++) {
    const from = Math.floor((size * sample) / samples);
    const to = sample === samples - 1 ? size : Math.min(from + blockSize, Math.floor((size * (sample + 1)) / samples));
    const begin = Math.max(from, to - blockSize);
    for (const found of await hashesBetween(file, begin, to)) {
      if (found < previous) throw new Error("must be sorted by hash: download the version that is ordered by hash");
      previous = found;
    }
  }
}

/** Whether a line has the hash, which is in upper case. */
async function hasLine(file: FileHandle, size: number, wanted: string): Promise<boolean> {
  let [low, high] = [0, size];
  // The line of the hash, if there is one, begins between `low` and `high`.
  while (high - low > blockSize) {
    const middle = Math.floor((low + high) / 2);
    const [found] = await hashesBetween(file, middle, middle + maxLineLength);
    if (found === undefined || found > wanted) high = middle;
    else low = middle;
  }
  return (await hashesBetween(file, low, high)).includes(wanted);
}
