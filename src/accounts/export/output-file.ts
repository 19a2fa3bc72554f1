import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { ImportExportError } from "../errors.ts";
import { withFileErrors } from "./write-error.ts";

type Write = (output: Writable) => Promise<void>;

/**
 * Writes a file of mode 0600 that other processes see only once it is complete: until then it has another name in the
 * same folder. A symbolic link stays, and the file that it points to is replaced. A FIFO or a device is written directly.
 *
 * @throws {ImportExportError} if the file cannot be written
 */
export async function writeFileAtomically(file: string, write: Write): Promise<void> {
  const existing = await withFileErrors(file, () => stat(file).catch(undefinedIfMissing));
  if (existing?.isDirectory()) throw new ImportExportError(`${file} is a folder: name a file in it.`);
  if ((existing !== undefined && !existing.isFile()) || isProcessStream(file)) {
    const handle = await withFileErrors(file, () => open(file, constants.O_WRONLY));
    return writeAndClose(handle, { file, write, flush: false });
  }
  const target = await withFileErrors(file, () => targetOf(file));
  // With the process id in its name, two exports to one file do not mix: the later one replaces the other.
  const unfinished = join(dirname(target), `.${basename(target).slice(0, 100)}.${process.pid}.unfinished`);
  const handle = await withFileErrors(file, () =>
    open(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600),
  );
  try {
    await writeAndClose(handle, { file, write, flush: true });
    await withFileErrors(file, () => rename(unfinished, target));
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Paths below /dev and /proc are streams of this process, such as /dev/stdout. The file behind one must not be replaced. */
const isProcessStream = (file: string): boolean => /^\/(?:dev|proc)\//.test(resolve(file));

async function writeAndClose(
  handle: FileHandle,
  { file, write, flush }: { file: string; write: Write; flush: boolean },
): Promise<void> {
  const output = handle.createWriteStream({ flush });
  let failure: Error | undefined;
  output.on("error", (error) => (failure = error));
  try {
    await withFileErrors(file, () => write(output));
    if (failure !== undefined) throw failure;
  } finally {
    output.destroy();
    await handle.close().catch(() => {});
  }
}

/** The path that a symbolic link points to, whether a file exists there or not. */
async function targetOf(file: string): Promise<string> {
  const existing = await realpath(file).catch(undefinedIfMissing);
  if (existing !== undefined) return existing;
  const link = await readlink(file).catch(undefinedIfMissing);
  return link === undefined ? resolve(file) : targetOf(resolve(dirname(file), link));
}

/** ENOENT: there is no file; EINVAL: the file is not a symbolic link. */
function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "EINVAL") throw error;
}
