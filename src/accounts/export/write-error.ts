import { ImportExportError } from "../errors.ts";

const reasonsByCode: Readonly<Record<string, string>> = {
  ENOENT: "the folder does not exist",
  ENOTDIR: "a part of its path is not a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links form a cycle",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EPIPE: "its reader has closed it",
  ENXIO: "it has no reader",
  EISDIR: "it is a folder",
  ETXTBSY: "it is a running program",
};

/**
 * Runs `work`, and translates an error of the file system.
 *
 * @param name the output, as the message names it
 * @throws {ImportExportError} for an error of the file system with a known code
 */
export async function withFileErrors<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = "", syscall } = cause as NodeJS.ErrnoException;
    const reason = Object.hasOwn(reasonsByCode, code) ? reasonsByCode[code] : undefined;
    if (reason === undefined || syscall === undefined) throw cause;
    throw new ImportExportError(`${name} cannot be written: ${reason}.`, { cause });
  }
}
