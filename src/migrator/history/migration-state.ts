import { isHashOf, type Migration } from "../journal/folder.ts";
import type { History, HistoryRecord } from "./history.ts";
import { historyEntries, unknownMigrationName } from "./history-entry.ts";

/**
 * - `applied`: recorded with the hash of the file
 * - `pending`: not recorded
 * - `edited`: recorded with another hash than the file's
 * - `skipped`: not recorded, and older than the newest recorded one, so that drizzle-kit never applies it
 * - `unknown`: recorded, and not in the folder
 */
export type MigrationStateKind = "applied" | "pending" | "edited" | "skipped" | "unknown";

/** One migration of the folder or of the history, compared with the other. */
export interface MigrationState {
  /** Of an unknown migration, a name made of its recorded time. */
  readonly tag: string;
  readonly when: number;
  readonly state: MigrationStateKind;
  readonly migration: Migration | undefined;
  readonly applied: HistoryRecord | undefined;
  /** Completed statements of an unfinished up migration, or of the unfinished down migration of an applied one. */
  readonly done?: number | undefined;
  /** What the operator should know. */
  readonly note?: string | undefined;
  /** Of a pending migration: an earlier one in the journal whose time is later. */
  readonly behind?: Migration | undefined;
}

/** Compares the folder with the history: every migration in the journal's order, then the unknown ones. */
export function migrationStates(
  migrations: readonly Migration[],
  { applied, unfinished }: Pick<History, "applied"> & Partial<History>,
): MigrationState[] {
  const entries = historyEntries(migrations, applied);
  const newest = Math.max(-1, ...entries.map(({ when }) => when));

  const known = migrations.map((migration): MigrationState => {
    const entry = entries.find(({ when }) => when === migration.when);
    const state = stateOf(migration, entry?.record, newest);
    const behind = state === "pending" ? latestBefore(migrations, migration) : undefined;
    const note =
      entry !== undefined && entry.duplicates.length > 0
        ? "recorded more than once"
        : behind && `not later than ${behind.tag} in the journal ("when")`;
    const { tag, when } = migration;
    return { tag, when, state, migration, applied: entry?.record, done: unfinished?.get(when), note, behind };
  });
  const unknown = entries
    .filter(({ migration }) => migration === undefined)
    .map(({ when, record, moved }): MigrationState => {
      const note = moved && `has the content of ${moved.tag}: its "when" in the journal has changed`;
      const tag = unknownMigrationName(when);
      return { tag, when, state: "unknown", migration: undefined, applied: record, note };
    });
  return [...known, ...unknown];
}

function stateOf(migration: Migration, record: HistoryRecord | undefined, newest: number): MigrationStateKind {
  if (record === undefined) return migration.when < newest ? "skipped" : "pending";
  return isHashOf(migration, record.hash) ? "applied" : "edited";
}

/** The latest of the migrations that precede this one in the journal, if its time is later. */
function latestBefore(migrations: readonly Migration[], migration: Migration): Migration | undefined {
  const before = migrations.slice(0, migrations.indexOf(migration));
  return before.filter(({ when }) => when > migration.when).sort((a, b) => b.when - a.when)[0];
}
