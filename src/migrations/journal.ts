import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The migrations that this version of the service was built with. */
export const migrationsFolder = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** One line of drizzle-kit's journal. */
export interface Migration {
  /** File name without its ending: `0000_create_users`. */
  readonly tag: string;
  /** When it was generated (ms since 1970); drizzle-kit knows an applied migration by it. */
  readonly when: number;
}

/** Migrations in the order in which drizzle-kit applies them. */
export function readJournal(folder: string = migrationsFolder): Migration[] {
  const journal = JSON.parse(readFileSync(join(folder, "meta", "_journal.json"), "utf8")) as { entries: Migration[] };
  return journal.entries.map(({ tag, when }) => ({ tag, when }));
}
