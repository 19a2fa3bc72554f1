import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FolderError } from "./errors.ts";

// The one file that knows how drizzle-kit (0.31) keeps its folder.

/** The migrations that this version of the service was built with. */
export const migrationsFolder = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** One SQL file. */
export interface Script {
  /** As it is shortest: from the working folder, if it is below. */
  readonly file: string;
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
  if (!existsSync(file)) throw new FolderError(shortest(folder), [`${shortest(file)} does not exist`]);
  const entries = parseEntries(readFileSync(file, "utf8"));
  if (entries === undefined) throw new FolderError(shortest(folder), [`${shortest(file)} is not a journal`]);
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
  const read = (name: string): Script | undefined => {
    const file = join(folder, name);
    if (!existsSync(file)) return undefined;
    const sql = readFileSync(file, "utf8");
    const script = { file: shortest(file), sql, ...directives(sql) };
    if (script.unknown !== undefined) faults.push(`${script.file}:1: ${script.unknown}`);
    return script;
  };

  const migrations = readJournal(folder).flatMap(({ tag, when }): Migration[] => {
    const up = read(`${tag}.sql`);
    const down = read(`${tag}.down.sql`);
    const rows = read(`${tag}.rows.sql`);
    if (up !== undefined) return [{ tag, when, hash: sha256(up.sql), up, down, rows }];
    faults.push(`${tag}.sql does not exist, though the journal names it`);
    return [];
  });
  const seen = new Map<number, string>();
  for (const { tag, when } of migrations) {
    const twin = seen.get(when);
    if (twin !== undefined) faults.push(`${twin} and ${tag} have the same "when" in the journal: give one a later one`);
    seen.set(when, tag);
  }
  if (faults.length > 0) throw new FolderError(shortest(folder), faults);
  return migrations;
}

/** Whether a recorded hash is this migration's; other line endings are no other migration. */
export function isHashOf({ hash, up }: Migration, recorded: string): boolean {
  if (recorded === hash) return true;
  const unix = up.sql.replaceAll("\r\n", "\n");
  return [unix, unix.replaceAll("\n", "\r\n")].some((text) => sha256(text) === recorded);
}

/** What the first line says to the migrator. */
function directives(sql: string): { noTransaction: boolean; irreversible?: string; unknown?: string } {
  const [, directive, rest = ""] = /^\uFEFF?--\s*migrate:\s*(\S*)[ \t]*(.*)/.exec(sql) ?? [];
  const reason = rest.trim();
  if (directive === undefined) return { noTransaction: false };
  if (directive === "no-transaction" && reason === "") return { noTransaction: true };
  if (directive === "irreversible" && reason !== "") return { noTransaction: false, irreversible: reason };
  const unknown =
    directive === "irreversible"
      ? 'must say why: "-- migrate: irreversible <reason>"'
      : `unknown directive "${directive}"; there are no-transaction and irreversible <reason>`;
  return { noTransaction: false, unknown };
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export function shortest(path: string): string {
  const fromHere = relative("", path);
  return fromHere.startsWith("..") || fromHere === "" ? path : fromHere;
}
