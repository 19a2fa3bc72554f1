import { readFile, rename, writeFile } from "node:fs/promises";
import { ImportExportError } from "../errors.ts";
import type { FileIdentity } from "./file-identity.ts";

/** Content of `<file>.progress.json`: which import the file belongs to. The database stores how far the import is. */
export interface ProgressFile {
  /** Id of the import. */
  readonly run: string;
  readonly file: FileIdentity;
  /** How the file is read: format, preset and mapping. */
  readonly reading: string;
  /** ISO 8601. */
  readonly begun: string;
}

export const progressFilePath = (file: string): string => `${file}.progress.json`;

/** Returns undefined if there is no file. @throws {ImportExportError} if the file has another content */
export async function readProgressFile(path: string): Promise<ProgressFile | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return undefined;
  const content = parseProgress(text);
  if (content === undefined)
    throw new ImportExportError(`${path} was not written by an import: remove it, or begin anew with --restart.`);
  return content;
}

function parseProgress(text: string): ProgressFile | undefined {
  try {
    const { run, file, reading, begun } = JSON.parse(text);
    const isProgress = typeof run === "string" && typeof file === "object" && file !== null;
    return isProgress ? { run, file, reading, begun } : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the file atomically, so that a power failure leaves the old content or the new one. */
export async function writeProgressFile(path: string, content: ProgressFile): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
