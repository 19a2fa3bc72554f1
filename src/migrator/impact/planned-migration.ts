import type { UnfilledTable } from "../fixtures/excluded-tables.ts";
import type { MigrationsTable } from "../history/table-names.ts";
import type { TableSize, TableSizes } from "../introspection/table-sizes.ts";
import type { Migration } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { lockEffect } from "./lock-modes.ts";
import type { Effects, TableLock } from "./measurement.ts";
import { warningsOf } from "./warnings.ts";

/** A lock on a table that exists at the target. */
export interface PlannedLock extends TableLock, TableSize {
  /** What the lock blocks. */
  readonly effect: string;
}

export interface PlannedStatement {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** Undefined when not measured. */
  readonly locks?: readonly PlannedLock[] | undefined;
  /** Tables that the statement rewrites or scans. */
  readonly rewrites?: readonly string[];
  readonly scans?: readonly string[];
  readonly outsideTransaction?: boolean;
}

export interface PlannedMigration {
  readonly tag: string;
  /** Whether all statements run in one transaction, which holds every lock until its end. */
  readonly transaction: boolean;
  readonly statements: readonly PlannedStatement[];
  readonly warnings: readonly string[];
  /** Tables without fixtures. A scan of a table that they reference may be missing from the plan. */
  readonly empty: readonly UnfilledTable[];
}

/** Combines a migration with its measured effects. */
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

/** Describes a migration without measured effects. */
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

/** Removes the effects on the migrations table, which every migration has. */
export function withoutMigrationsTable(effects: Effects, { schema, table: name }: MigrationsTable): Effects {
  const isOther = (table: string) => ![`${schema}.${name}`, `${schema}.${name}_runs`].includes(table);
  return {
    ...effects,
    locks: effects.locks.filter(({ table }) => isOther(table)),
    scans: effects.scans.filter(isOther),
    writes: effects.writes.filter(({ table }) => isOther(table)),
  };
}

/** Returns the names of all tables in the effects. */
export const affectedTables = (effects: readonly Effects[]) => [
  ...new Set(
    effects.flatMap(({ locks, rewrites, scans, drops, writes }) => [
      ...[...locks, ...drops, ...writes].map(({ table }) => table),
      ...rewrites,
      ...scans,
    ]),
  ),
];
