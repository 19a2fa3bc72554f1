import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { packageFolder } from "../../package.ts";
import { FolderError } from "../errors.ts";
import { readDirective } from "./directives.ts";
import { readTextFile } from "./file-text.ts";

// Only this file depends on the folder layout of drizzle-kit (0.31).

/** The folder with the migrations of this package. */
export const migrationsFolder = join(packageFolder, "drizzle");

/** One SQL file. */
export interface Script {
  /** The path in messages: relative when the file is below the working directory. */
  readonly file: string;
  /** The text without a leading byte order mark, which psql ignores, too. */
  readonly sql: string;
  /** Whether the first line is `-- migrate: no-transaction`: each statement is committed separately. */
  readonly noTransaction: boolean;
  /** The reason in the `-- migrate: irreversible <reason>` line of a down migration. */
  readonly irreversible?: string | undefined;
}

/** One migration: its journal entry and its files. */
export interface Migration {
  /** File name without the extension: `0000_create_users`. */
  readonly tag: string;
  /** Time of generation (ms since 1970), by which drizzle-kit identifies an applied migration. */
  readonly when: number;
  /** SHA-256 of the file, as drizzle-kit records it. */
  readonly hash: string;
  readonly up: Script;
  readonly down: Script | undefined;
  /** `<tag>.rows.sql`: rows for the round-trip verification, for tables whose fixtures cannot be generated. */
  readonly rows: Script | undefined;
}

/** One entry of drizzle-kit's journal. */
export interface JournalEntry {
  /** The number, which prefixes the names of the migration's files. */
  readonly idx: number;
  readonly tag: string;
  readonly when: number;
}

/**
 * Reads the journal, in the order in which drizzle-kit applies the migrations.
 *
 * @throws {FolderError} when the journal is missing or invalid
 */
export function readJournal(folder: string = migrationsFolder): JournalEntry[] {
  const file = join(folder, "meta", "_journal.json");
  if (!existsSync(file)) throw new FolderError(shortestPath(folder), [`${shortestPath(file)} does not exist`]);
  const read = readTextFile(file, shortestPath(file));
  if ("fault" in read) throw new FolderError(shortestPath(folder), [read.fault]);
  if (read.mark !== "") throw new FolderError(shortestPath(folder), [byteOrderMarkFault(file)]);
  const entries = parseEntries(read.text);
  if (entries === undefined) throw new FolderError(shortestPath(folder), [`${shortestPath(file)} is not a journal`]);
  return entries;
}

function parseEntries(text: string): JournalEntry[] | undefined {
  try {
    const { entries } = JSON.parse(text) as { entries: JournalEntry[] };
    const isValid = entries.every(({ tag, when }) => typeof tag === "string" && Number.isSafeInteger(when));
    return isValid ? entries.map(({ idx, tag, when }) => ({ idx, tag, when })) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads every migration of a folder, in the order of the journal.
 *
 * @throws {FolderError} when a file is missing or unreadable, or has an invalid directive
 */
export function readMigrations(folder: string = migrationsFolder): Migration[] {
  const faults: string[] = [];
  const marks = new Map<string, string>();
  const read = (name: string): Script | undefined => {
    const file = join(folder, name);
    if (!existsSync(file)) return undefined;
    const text = readTextFile(file, shortestPath(file));
    if ("fault" in text) {
      faults.push(text.fault);
      return undefined;
    }
    const { fault, ...directive } = readDirective(text.text);
    if (fault !== undefined) faults.push(`${shortestPath(file)}:1: ${fault}`);
    marks.set(name, text.mark);
    return { file: shortestPath(file), sql: text.text, ...directive };
  };

  const migrations = readJournal(folder).flatMap(({ tag, when }): Migration[] => {
    const up = read(`${tag}.sql`);
    const down = read(`${tag}.down.sql`);
    const rows = read(`${tag}.rows.sql`);
    if (up !== undefined)
      return [{ tag, when, hash: sha256(`${marks.get(`${tag}.sql`) ?? ""}${up.sql}`), up, down, rows }];
    if (!existsSync(join(folder, `${tag}.sql`))) faults.push(`${tag}.sql does not exist, but the journal names it`);
    return [];
  });
  const seen = new Map<number, string>();
  for (const { tag, when } of migrations) {
    const twin = seen.get(when);
    if (twin !== undefined)
      faults.push(`${twin} and ${tag} have the same "when" in the journal: give ${tag} a later one`);
    seen.set(when, tag);
  }
  for (const file of snapshotFiles(folder)) {
    const text = readTextFile(file, shortestPath(file));
    if ("fault" in text) faults.push(text.fault);
  }
  if (faults.length > 0) throw new FolderError(shortestPath(folder), faults);
  return migrations;
}

/** Returns the paths of the files that drizzle-kit reads as snapshots, in its order. */
export function snapshotFiles(folder: string): string[] {
  const names = readdirSync(join(folder, "meta")).filter((name) => !name.startsWith("_"));
  return names.sort().map((name) => join(folder, "meta", name));
}

/** The fault of a JSON file that begins with a byte order mark, which drizzle-kit cannot parse. */
export const byteOrderMarkFault = (file: string): string =>
  `${shortestPath(file)}:1:1: a byte order mark, with which drizzle-kit cannot parse the JSON. Save the file as UTF-8 without it`;

/** Whether a recorded hash belongs to this migration. Line endings and a byte order mark may differ. */
export function isHashOf({ hash, up }: Migration, recorded: string): boolean {
  if (recorded === hash) return true;
  const unix = up.sql.replaceAll("\r\n", "\n");
  return [unix, unix.replaceAll("\n", "\r\n"), up.sql].some((text) =>
    ["", "\ufeff"].some((mark) => sha256(`${mark}${text}`) === recorded),
  );
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Returns the path relative to the working directory when it is inside it, otherwise the path unchanged. */
export function shortestPath(path: string): string {
  const fromHere = relative("", path);
  return fromHere.startsWith("..") || fromHere === "" ? path : fromHere;
}
