import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FolderError } from "../errors.ts";
import { readDirective } from "./directives.ts";
import { readTextFile } from "./file-text.ts";

// The one file that knows how drizzle-kit (0.31) keeps its folder.

/** The migrations that this version of the service was built with. */
export const migrationsFolder = fileURLToPath(new URL("../../../drizzle", import.meta.url));

/** One SQL file. */
export interface Script {
  /** As it is shortest: from the working folder, if it is below. */
  readonly file: string;
  /** Its text, without the byte order mark that it may begin with, as psql drops it. */
  readonly sql: string;
  /** `-- migrate: no-transaction` is its first line: each statement is committed by itself. */
  readonly noTransaction: boolean;
  /** A down file's `-- migrate: irreversible <reason>`. */
  readonly irreversible?: string | undefined;
}

/** One migration: its line in the journal, and its files. */
export interface Migration {
  /** File name without its ending: `0000_create_users`. */
  readonly tag: string;
  /** When it was generated (ms since 1970); drizzle-kit knows an applied migration by it. */
  readonly when: number;
  /** sha256 of the file's text, as drizzle-kit records it. */
  readonly hash: string;
  readonly up: Script;
  readonly down: Script | undefined;
  /** `….rows.sql`: rows for the proof of the way back, where none can be thought out. */
  readonly rows: Script | undefined;
}

/** One line of the journal. */
export interface JournalEntry {
  /** Its number; drizzle-kit names the next file and its snapshot by that of the last. */
  readonly idx: number;
  readonly tag: string;
  readonly when: number;
}

/** The journal alone, in the order in which drizzle-kit applies. @throws {FolderError} */
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
    const whole = entries.every(({ tag, when }) => typeof tag === "string" && Number.isSafeInteger(when));
    return whole ? entries.map(({ idx, tag, when }) => ({ idx, tag, when })) : undefined;
  } catch {
    return undefined;
  }
}

/** Every migration of a folder, in the journal's order. @throws {FolderError} when a file is missing or says nothing we know */
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
    if (!existsSync(join(folder, `${tag}.sql`))) faults.push(`${tag}.sql does not exist, though the journal names it`);
    return [];
  });
  const seen = new Map<number, string>();
  for (const { tag, when } of migrations) {
    const twin = seen.get(when);
    if (twin !== undefined) faults.push(`${twin} and ${tag} have the same "when" in the journal: give one a later one`);
    seen.set(when, tag);
  }
  for (const file of snapshotFiles(folder)) {
    const text = readTextFile(file, shortestPath(file));
    if ("fault" in text) faults.push(text.fault);
  }
  if (faults.length > 0) throw new FolderError(shortestPath(folder), faults);
  return migrations;
}

/** Every file that drizzle-kit reads as a snapshot, in its order. */
export function snapshotFiles(folder: string): string[] {
  const names = readdirSync(join(folder, "meta")).filter((name) => !name.startsWith("_"));
  return names.sort().map((name) => join(folder, "meta", name));
}

/** drizzle-kit does not read JSON behind a byte order mark. */
export const byteOrderMarkFault = (file: string): string =>
  `${shortestPath(file)}:1:1: a byte order mark, behind which drizzle-kit reads no JSON. Save the file as UTF-8 without it`;

/** Whether a recorded hash is this migration's; other line endings, or a byte order mark, are no other migration. */
export function isHashOf({ hash, up }: Migration, recorded: string): boolean {
  if (recorded === hash) return true;
  const unix = up.sql.replaceAll("\r\n", "\n");
  return [unix, unix.replaceAll("\n", "\r\n"), up.sql].some((text) =>
    ["", "\ufeff"].some((mark) => sha256(`${mark}${text}`) === recorded),
  );
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export function shortestPath(path: string): string {
  const fromHere = relative("", path);
  return fromHere.startsWith("..") || fromHere === "" ? path : fromHere;
}
