import type { UnfilledTable } from "../fixtures/excluded-tables.ts";
import type { MigrationsTable } from "../history/migrations-table.ts";
import type { TableSize, TableSizes } from "../introspection/table-sizes.ts";
import type { Migration } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { lockEffect } from "./lock-modes.ts";
import type { Effects, TableLock } from "./measurement.ts";
import { warningsOf } from "./warnings.ts";

/** A lock on a table that is there now. */
export interface PlannedLock extends TableLock, TableSize {
  /** Who waits while it is held. */
  readonly effect: string;
}

export interface PlannedStatement {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** Undefined: not measured. */
  readonly locks?: readonly PlannedLock[] | undefined;
  /** Tables that it writes anew, or reads, as a whole. */
  readonly rewrites?: readonly string[];
  readonly scans?: readonly string[];
  readonly outsideTransaction?: boolean;
}

export interface PlannedMigration {
  readonly tag: string;
  /** In one transaction, so that every lock is held until the end. */
  readonly transaction: boolean;
  readonly statements: readonly PlannedStatement[];
  readonly warnings: readonly string[];
  /** Tables whose made-up rows it did not take: without any, a scan of another table for them may not show. */
  readonly empty: readonly UnfilledTable[];
}

/** A migration with what was measured of it. */
export function describeImpact(
  migration: Migration,
  statements: readonly Statement[],
  effects: readonly Effects[],
  sizes: TableSizes,
): PlannedMigration {
  return {
    ...bare(migration, statements),
    statements: statements.map((statement, index) => {
      const effect = effects[index];
      return {
        ...bareStatement(migration, statement),
        locks: effect?.locks.map((lock) => ({ ...lock, ...sizes.get(lock.table), effect: lockEffect(lock.mode) })),
        rewrites: effect?.rewrites ?? [],
        scans: effect?.scans ?? [],
        outsideTransaction: effect?.outsideTransaction ?? false,
      };
    }),
    warnings: warningsOf(effects, sizes),
  };
}

/** A migration of which nothing could be measured. */
export async function describeUnmeasured(migration: Migration): Promise<PlannedMigration> {
  return bare(migration, (await readScript(migration.up)).statements);
}

const bare = (migration: Migration, statements: readonly Statement[]): PlannedMigration => ({
  tag: migration.tag,
  transaction: !migration.up.noTransaction,
  statements: statements.map((statement) => bareStatement(migration, statement)),
  warnings: [],
  empty: [],
});

function bareStatement({ up }: Migration, statement: Statement): PlannedStatement {
  const { file, line } = placeOf(up, statement);
  return { text: statement.text, file, line };
}

/** Every migration touches the books. */
export function withoutMigrationsTable(effects: Effects, { schema, table: books }: MigrationsTable): Effects {
  const isOther = (table: string) => ![`${schema}.${books}`, `${schema}.${books}_runs`].includes(table);
  return {
    ...effects,
    locks: effects.locks.filter(({ table }) => isOther(table)),
    scans: effects.scans.filter(isOther),
    writes: effects.writes.filter(({ table }) => isOther(table)),
  };
}

/** Every table that they do something to. */
export const affectedTables = (effects: readonly Effects[]) => [
  ...new Set(
    effects.flatMap(({ locks, rewrites, scans, drops, writes }) => [
      ...[...locks, ...drops, ...writes].map(({ table }) => table),
      ...rewrites,
      ...scans,
    ]),
  ),
];
