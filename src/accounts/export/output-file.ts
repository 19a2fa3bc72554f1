import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { ImportExportError } from "../errors.ts";

/**
 * Writes a file that is there when it is whole, and not before: under another name until then, for nobody else to read.
 * A link stays one, and what it leads to is written; a FIFO or a device is written to as it is.
 *
 * @throws {ImportExportError} when it cannot be opened
 */
export async function writeFile(file: string, write: (output: Writable) => Promise<void>): Promise<void> {
  const found = await reported(file, () => stat(file).catch(absent));
  if (found?.isDirectory()) throw new ImportExportError(`${file} is a folder: name a file in it.`);
  // Behind /dev and /proc are streams of this process: what they lead to must not be replaced.
  if ((found !== undefined && !found.isFile()) || /^\/(?:dev|proc)\//.test(resolve(file)))
    return writeInto(file, write);

  const target = await reported(file, () => targetOf(file));
  // Of this process: two exports to the same file are each whole, whichever is the last.
  const unfinished = join(dirname(target), `.${basename(target).slice(0, 100)}.${process.pid}.unfinished`);
  const handle = await reported(file, () =>
    open(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600),
  );
  try {
    await written(file, handle, write, { flush: true });
    await reported(file, () => rename(unfinished, target));
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function writeInto(file: string, write: (output: Writable) => Promise<void>): Promise<void> {
  const handle = await reported(file, () => open(file, constants.O_WRONLY));
  await written(file, handle, write, { flush: false });
}

async function written(
  file: string,
  handle: FileHandle,
  write: (output: Writable) => Promise<void>,
  options: { flush: boolean },
): Promise<void> {
  const output = handle.createWriteStream(options);
  let failure: Error | undefined;
  output.on("error", (error) => (failure = error));
  try {
    await reported(file, () => write(output));
    if (failure !== undefined) throw failure;
  } finally {
    output.destroy();
    await handle.close().catch(() => {});
  }
}

/** Where a link leads, also to a file that is not there yet. */
async function targetOf(file: string): Promise<string> {
  const real = await realpath(file).catch(absent);
  if (real !== undefined) return real;
  const link = await readlink(file).catch(absent);
  return link === undefined ? resolve(file) : targetOf(resolve(dirname(file), link));
}

function absent(error: NodeJS.ErrnoException): undefined {
  // EINVAL: it is no link.
  if (error.code !== "ENOENT" && error.code !== "EINVAL") throw error;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "the folder is not there",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "the permission is missing",
  EPERM: "the permission is missing",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EPIPE: "its reader is gone",
  ENXIO: "nothing reads it",
  EISDIR: "it is a folder",
  ETXTBSY: "it is a program that is running",
};

/** @param name what is written @throws {ImportExportError} for an error of the file system, in words */
export async function reported<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = "", syscall } = cause as NodeJS.ErrnoException;
    const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
    if (reason === undefined || syscall === undefined) throw cause;
    throw new ImportExportError(`${name} cannot be written: ${reason}.`, { cause });
  }
}
