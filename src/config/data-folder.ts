import { accessSync, constants, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { ConfigError } from "./errors.ts";

/** Virtual file systems of the operating system, which do not store data permanently. */
const systemFolders = ["/proc", "/sys", "/dev"];
/** Held in memory, but usable as a file system. */
const exception = "/dev/shm";

/**
 * Creates the data folder and its parents if they are missing.
 *
 * Folders are created one by one: Node's recursive `mkdir` never returns where the system answers ENOENT, as below /proc.
 *
 * @throws {ConfigError} that names the reason why the folder cannot store data, and the remedy
 */
export function makeDataFolder(folder: string): void {
  const path = resolve(folder);
  requireDataPath(path, path);
  const missing: string[] = [];
  let there = path;
  while (!exists(there, path)) {
    missing.unshift(there);
    there = dirname(there);
  }
  requireDataPath(realpathSync(there), path);
  try {
    for (const one of missing) make(one);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const text = texts[code ?? ""] ?? `cannot be made or written (${code})`;
    throw refusal(path, text, error);
  }
}

const texts: Readonly<Record<string, string>> = {
  EACCES: "belongs to another user, or is below a folder of theirs (EACCES): hand it over with chown -R",
  EPERM: "belongs to another user, or is below a folder of theirs (EPERM): hand it over with chown -R",
  EROFS: "is on a file system that is read-only (EROFS)",
  ENOENT: "is where no folder can be made (ENOENT)",
};

function make(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process created it first.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Whether the folder exists. @throws {ConfigError} for a file in its place, or a dangling link */
function exists(folder: string, path: string): boolean {
  try {
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return false;
    if (statSync(folder).isDirectory()) return true;
    throw refusal(path, `cannot be a folder, because ${folder} is a file`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return false;
    if (code === "ENOENT" || code === "ELOOP")
      throw refusal(path, `cannot be reached, because the link ${folder} leads nowhere: correct or remove it`, error);
    if (code === "EACCES") throw refusal(path, texts["EACCES"] ?? "", error);
    throw error;
  }
}

function requireDataPath(real: string, path: string): void {
  const isBelow = (folder: string) => real === folder || real.startsWith(folder + sep);
  const system = systemFolders.find(isBelow);
  if (system !== undefined && !isBelow(exception))
    throw refusal(path, `is below ${system}, a virtual file system that stores no data`);
}

function refusal(path: string, text: string, cause?: unknown): ConfigError {
  const error = new ConfigError([`DATA_DIR (${path}) ${text}. Set DATA_DIR to a folder that this user owns.`]);
  error.cause = cause;
  return error;
}
