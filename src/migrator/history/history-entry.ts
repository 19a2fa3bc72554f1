import { isHashOf, type Migration } from "../journal/folder.ts";
import type { HistoryRecord } from "./history.ts";

/** The records of one journal time, matched with the migration of that time. */
export interface HistoryEntry {
  readonly when: number;
  /** The migration of that time; undefined when the folder has none. */
  readonly migration: Migration | undefined;
  /** The record that counts: the one with the migration's hash, else the first. */
  readonly record: HistoryRecord;
  /** Further records of the same time, which are a mistake. */
  readonly duplicates: readonly HistoryRecord[];
  /** The migration with the same content as an unknown record: only its time in the journal has changed. */
  readonly moved: Migration | undefined;
}

/** Returns one entry for each recorded time, in the order of the records. */
export function historyEntries(migrations: readonly Migration[], applied: readonly HistoryRecord[]): HistoryEntry[] {
  const times = new Set(applied.map(({ when }) => when));
  // Several migrations may have the same content, so each unrecorded one matches at most one unknown record.
  const unmatched = new Set(migrations.filter(({ when }) => !times.has(when)));
  return [...times].flatMap((when): HistoryEntry[] => {
    const migration = migrations.find((candidate) => candidate.when === when);
    const records = applied.filter((candidate) => candidate.when === when);
    const record = records.find(({ hash }) => migration && isHashOf(migration, hash)) ?? records[0];
    if (record === undefined) return [];
    const moved =
      migration === undefined ? [...unmatched].find((candidate) => isHashOf(candidate, record.hash)) : undefined;
    if (moved !== undefined) unmatched.delete(moved);
    return [{ when, migration, record, duplicates: records.filter((other) => other !== record), moved }];
  });
}

/** The name of a recorded migration that the folder does not contain. Its time may be any number. */
export function unknownMigrationName(when: number): string {
  const time = new Date(when);
  // NULL, which drizzle-kit treats as older than every time.
  if (when === 0) return "(recorded without a time)";
  return `(recorded ${Number.isNaN(time.getTime()) ? when : time.toISOString()})`;
}
