import { isHashOf, type Migration } from "../journal/folder.ts";
import type { History, HistoryRecord } from "./migrations-table.ts";

/**
 * How a migration stands: applied as the file says; not applied yet; edited since it was applied; skipped,
 * because it is older than the newest applied one, so that drizzle-kit would never apply it; unknown,
 * applied but not in the folder.
 */
export type State = "applied" | "pending" | "edited" | "skipped" | "unknown";

export interface MigrationState {
  /** Of an unknown migration, what is known of it. */
  readonly tag: string;
  readonly when: number;
  readonly state: State;
  readonly migration: Migration | undefined;
  readonly applied: HistoryRecord | undefined;
  /** Statements that are done of its up, or of the down of an applied one, when it is not finished. */
  readonly done?: number | undefined;
  /** What a person should know. */
  readonly note?: string | undefined;
  /** Of a pending migration: one that stands before it in the journal, and is later by its time. */
  readonly behind?: Migration | undefined;
}

/** Holds the folder against the database: every migration in the journal's order, then the unknown ones. */
export function compare(
  migrations: readonly Migration[],
  applied: readonly HistoryRecord[],
  unfinished: History["unfinished"] = new Map(),
): MigrationState[] {
  const books = historyEntries(migrations, applied);
  const newest = Math.max(-1, ...books.map(({ when }) => when));

  const known = migrations.map((migration): MigrationState => {
    const book = books.find(({ when }) => when === migration.when);
    const state = stateOf(migration, book?.record, newest);
    const behind = state === "pending" ? latestBefore(migrations, migration) : undefined;
    const note =
      book !== undefined && book.more.length > 0
        ? "recorded more than once"
        : behind && `not later than ${behind.tag} in the journal ("when")`;
    const { tag, when } = migration;
    return { tag, when, state, migration, applied: book?.record, done: unfinished.get(when), note, behind };
  });
  const unknown = books
    .filter(({ migration }) => migration === undefined)
    .map(({ record, moved }): MigrationState => {
      const note = moved && `has the content of ${moved.tag}: its "when" in the journal has changed`;
      return {
        tag: unknownMigrationName(record.when),
        when: record.when,
        state: "unknown",
        migration: undefined,
        applied: record,
        note,
      };
    });
  return [...known, ...unknown];
}

/** All that is recorded of one time. */
export interface HistoryEntry {
  readonly when: number;
  /** The migration of that time, if the folder has one. */
  readonly migration: Migration | undefined;
  /** What counts: a record with the migration's content, if there is one. */
  readonly record: HistoryRecord;
  /** Those beside it, of which there should be none. */
  readonly more: readonly HistoryRecord[];
  /** The migration that an unknown record has become, when only the time in the journal has changed. */
  readonly moved: Migration | undefined;
}

/** What is recorded, time by time, each held against the migration that it must be. */
export function historyEntries(migrations: readonly Migration[], applied: readonly HistoryRecord[]): HistoryEntry[] {
  const times = new Set(applied.map(({ when }) => when));
  // One migration cannot be two of the books' lines, though several may have the same content.
  const free = new Set(migrations.filter(({ when }) => !times.has(when)));
  return [...times].flatMap((when): HistoryEntry[] => {
    const migration = migrations.find((candidate) => candidate.when === when);
    const records = applied.filter((candidate) => candidate.when === when);
    const record = records.find(({ hash }) => migration && isHashOf(migration, hash)) ?? records[0];
    if (record === undefined) return [];
    const moved = migration === undefined ? [...free].find((one) => isHashOf(one, record.hash)) : undefined;
    if (moved !== undefined) free.delete(moved);
    return [{ when, migration, record, more: records.filter((one) => one !== record), moved }];
  });
}

function stateOf(migration: Migration, record: HistoryRecord | undefined, newest: number): State {
  if (record === undefined) return migration.when < newest ? "skipped" : "pending";
  return isHashOf(migration, record.hash) ? "applied" : "edited";
}

/** The latest of those that stand before a migration in the journal, if it is later than that one. */
function latestBefore(migrations: readonly Migration[], migration: Migration): Migration | undefined {
  const before = migrations.slice(0, migrations.indexOf(migration));
  return before.filter(({ when }) => when > migration.when).sort((a, b) => b.when - a.when)[0];
}

/** What `up` must not go past without a person's word, each with its remedy. */
export function driftProblems(states: readonly MigrationState[]): string[] {
  return states.flatMap(({ tag, state, migration, note, behind }) => {
    if (state === "edited")
      return `${tag} was edited since it was applied. Restore ${migration?.up.file} and put the change into a new migration; or, if it changes nothing (a comment), run \`migrate repair\`.`;
    if (state === "skipped")
      return `${tag} is older than the newest applied migration: drizzle-kit would never apply it. If it may run after those, \`migrate up --allow-drift\` applies it now; else undo them (\`migrate down\`) and apply all in order.`;
    if (state === "unknown")
      return `${tag} was applied, but ${note ?? "no file here is it: this folder is older than the database, or the file was removed"}. ${note ? "`migrate repair` mends the record." : "Use the newer folder, bring the file back, or run `migrate repair` to removeRecord it."}`;
    if (behind !== undefined)
      return `${tag} is ${note}: once that one is applied, drizzle-kit would never apply it. Give ${tag} a "when" above ${behind.when} in meta/_journal.json, and so on those behind it.`;
    return note === undefined ? [] : `${tag} is ${note}: \`migrate repair\` removes the second record.`;
  });
}

/** What a migration is called that only the books know; whoever wrote its line may have written any number. */
export function unknownMigrationName(when: number): string {
  const time = new Date(when);
  // NULL, which drizzle-kit takes for older than everything.
  if (when === 0) return "(recorded without a time)";
  return `(recorded ${Number.isNaN(time.getTime()) ? when : time.toISOString()})`;
}
