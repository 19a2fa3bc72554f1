import type { LockSnapshot } from "../introspection/lock-snapshot.ts";
import type { RelationState, RelationStates } from "../introspection/relation-states.ts";
import { blocksWriters, isAtLeast, type LockMode, lockModes, strongest } from "./lock-modes.ts";
import { collapsePartitions, highestAncestor } from "./partitions.ts";
import type { RowWrite } from "./write-triggers.ts";

export interface TableLock {
  readonly table: string;
  readonly mode: LockMode;
  /** How many partitions of the table have the same lock. They are not listed. */
  readonly partitions?: number;
}

/** A dropped object that may have held data. */
export interface DroppedObject {
  readonly kind: "table" | "materialized view" | "foreign table" | "column";
  readonly table: string;
  /** The name of a column, quoted where SQL requires it. */
  readonly column?: string;
}

export interface TableWrite {
  readonly table: string;
  readonly kind: RowWrite["kind"];
}

/**
 * What a statement did to tables that existed before its migration. Tables and columns have their names from before
 * the migration, quoted where SQL requires it. The schema is omitted when it is `public`.
 */
export interface StatementEffects {
  /** Locks that the statement acquired or strengthened; the strongest of each table. */
  readonly locks: readonly TableLock[];
  /** Tables that were rewritten. A truncated table is listed in `writes` only. */
  readonly rewrites: readonly string[];
  /** Tables that were scanned sequentially, empty ones included. */
  readonly scans: readonly string[];
  readonly drops: readonly DroppedObject[];
  /** Tables that the statement writes, even when no row matches. */
  readonly writes: readonly TableWrite[];
  /** The statement cannot run in a transaction block. Its locks were not visible to the measurement. */
  readonly outsideTransaction: boolean;
}

/**
 * Compares the snapshots around a statement.
 *
 * @param before the relations before the migration
 */
export function effectsBetween(
  before: RelationStates,
  { previous, current, writes }: { previous: LockSnapshot; current: LockSnapshot; writes: readonly RowWrite[] },
): Omit<StatementEffects, "outsideTransaction"> {
  const truncated = new Set(writes.filter(({ kind }) => kind === "truncate").map(({ oid }) => oid));
  const changed = (test: (old: RelationState, now: RelationState) => boolean) =>
    [...before.keys()].filter((oid) => {
      const [old, now] = [previous.tables.get(oid), current.tables.get(oid)];
      return old && now && test(old, now);
    });
  // TRUNCATE assigns a new file and rebuilds the indexes over no rows, which costs nothing.
  const notTruncated = (oids: string[]) => oids.filter((oid) => !truncated.has(oid));
  const rewritten = changed((old, now) => old.filenode !== now.filenode);
  const scanned = changed((old, now) => old.scans < now.scans);
  return {
    locks: locks(before, previous, current),
    rewrites: collapsePartitions(before, notTruncated(rewritten)),
    scans: collapsePartitions(before, notTruncated(scanned)),
    drops: drops(before, previous.tables, current.tables),
    writes: rowWrites(before, writes),
  };
}

function locks(before: RelationStates, previous: LockSnapshot, current: LockSnapshot): TableLock[] {
  const taken = new Map<string, LockMode>();
  for (const table of before.values()) {
    const [was, is] = [heldOn(table, previous), heldOn(table, current)];
    if (is && !(was && isAtLeast(was, is))) taken.set(table.oid, is);
  }
  const partitions = new Map<string, number>();
  for (const [oid, mode] of taken) {
    const top = highestAncestor(before, oid, (parent) => taken.get(parent) === mode);
    partitions.set(top, (partitions.get(top) ?? -1) + 1);
  }
  return [...partitions]
    .map(([oid, count]) => ({
      table: nameOf(before, oid),
      mode: taken.get(oid) as LockMode,
      ...(count > 0 && { partitions: count }),
    }))
    .sort((a, b) => lockModes.indexOf(b.mode) - lockModes.indexOf(a.mode) || byName(a.table, b.table));
}

/** Every query opens all indexes of its tables: who locks one against readers or writers locks its table. */
function heldOn(table: RelationState, { locks }: LockSnapshot): LockMode | undefined {
  const onIndexes = table.indexes.flatMap((oid) => locks.get(oid) ?? []).filter(blocksWriters);
  return strongest([...(locks.get(table.oid) ?? []), ...onIndexes]);
}

const kinds = { r: "table", p: "table", m: "materialized view", f: "foreign table" } as const;

function drops(before: RelationStates, previous: RelationStates, current: RelationStates): DroppedObject[] {
  const gone = (oid: string) => previous.has(oid) && !current.has(oid);
  const goneColumns = (oid: string): string[] => {
    const [table, old, now] = [before.get(oid), previous.get(oid), current.get(oid)];
    if (!table || !old || !now) return [];
    return Object.entries(table.columns).flatMap(([number, { name }]) =>
      number in old.columns && !(number in now.columns) ? [name] : [],
    );
  };
  return [...before.values()]
    .sort((a, b) => byName(a.name, b.name))
    .flatMap((table): DroppedObject[] => {
      // Dropped partitions of a dropped table are not listed.
      if (gone(table.oid)) {
        return table.parent && gone(table.parent) ? [] : [{ kind: kinds[table.kind], table: table.name }];
      }
      const implied = table.parent ? goneColumns(table.parent) : [];
      return goneColumns(table.oid)
        .filter((column) => !implied.includes(column))
        .map((column) => ({ kind: "column", table: table.name, column }));
    });
}

function rowWrites(before: RelationStates, writes: readonly RowWrite[]): TableWrite[] {
  const has = (oid: string, kind: string) => writes.some((write) => write.oid === oid && write.kind === kind);
  return writes
    .filter(({ oid, kind }) => highestAncestor(before, oid, (parent) => has(parent, kind)) === oid)
    .map(({ oid, kind }) => ({ table: nameOf(before, oid), kind }))
    .sort((a, b) => byName(a.table, b.table) || byName(a.kind, b.kind));
}

const nameOf = (tables: RelationStates, oid: string): string => tables.get(oid)?.name ?? oid;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
