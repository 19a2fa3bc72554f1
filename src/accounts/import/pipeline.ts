import { createHash } from "node:crypto";
import { open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { v7 as uuidv7 } from "uuid";
import { ImportExportError } from "../errors.ts";
import { beginning, type ImportPosition } from "./checkpoint.ts";

/** What tells a file from another one of its name. */
interface Identity {
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** SHA-256 of its first bytes. */
  readonly beginning: string;
}

/** One import of one file, which may take several attempts. */
export interface ImportRun {
  readonly id: string;
  readonly position: ImportPosition;
}

/**
 * The import that this file is in the middle of, or a new one. Which it is stands in `<file>.progress.json`, how far
 * it is in the database.
 *
 * One process at a time, or two that begin at the same moment would each have an import of their own.
 *
 * @param options.reading how the file is read: in the middle of an import its rows must stay what they were
 * @throws {ImportExportError} when the file, or how it is read, is not what was begun with
 */
export async function openRun(
  file: string,
  options: { restart: boolean; reading: string; positionOf: (run: string) => Promise<ImportPosition> },
): Promise<ImportRun> {
  const path = `${file}.progress.json`;
  const identity = await identify(file);
  const known = options.restart ? undefined : await readRun(path);
  if (known !== undefined) {
    const position = await options.positionOf(known.run);
    const isUnderWay = position.rows > 0 && !position.ended;
    if (isUnderWay && known.reading !== options.reading) {
      throw new ImportExportError(
        `The import of ${file} began with another --format, --from or --map, and ${position.rows} rows of it are done. ` +
          "Go on with the same; or begin anew with --restart, and rows that were imported are refused as taken.",
      );
    }
    if (isSame(known.file, identity)) return { id: known.run, position };
    if (isUnderWay) {
      throw new ImportExportError(
        `${file} is not what it was when its import began, and ${position.rows} rows of it are done. ` +
          "Bring it back as it was; or begin anew with --restart, and rows that were imported are refused as taken.",
      );
    }
  }
  const id = uuidv7();
  await writeRun(path, { run: id, file: identity, reading: options.reading, begun: new Date().toISOString() });
  return { id, position: beginning };
}

interface KnownRun {
  readonly run: string;
  readonly file: Identity;
  readonly reading: string;
  readonly begun: string;
}

async function identify(file: string): Promise<Identity> {
  const { size, mtimeMs } = await stat(file);
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0);
    const hash = createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex");
    return { size, modified: Math.floor(mtimeMs), beginning: hash };
  } finally {
    await handle.close();
  }
}

const isSame = (a: Identity, b: Identity): boolean =>
  a.size === b.size && a.modified === b.modified && a.beginning === b.beginning;

async function readRun(path: string): Promise<KnownRun | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return undefined;
  try {
    const { run, file, reading, begun } = JSON.parse(text);
    if (typeof run === "string" && typeof file === "object" && file !== null) return { run, file, reading, begun };
  } catch {
    // The same as one that says something else.
  }
  throw new ImportExportError(`${path} was not written by an import: remove it, or begin anew with --restart.`);
}

/** Whole or not at all, also when the power fails. */
async function writeRun(path: string, run: KnownRun): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
