import { type Bookkeeping, defaultBookkeeping } from "./bookkeeping.ts";
import type { Target } from "./connect.ts";
import { type Effects, FailedStatement, measure, type TableLock } from "./effects.ts";
import { MigrationError, StatementError } from "./errors.ts";
import { located } from "./execute.ts";
import type { Migration } from "./folder.ts";
import { whoWaits } from "./lock-words.ts";
import type { MigrateOptions } from "./options.ts";
import { fillTables } from "./rows.ts";
import { readStandings, withRun } from "./run.ts";
import { withScratch } from "./scratch.ts";
import { refuseServerWide } from "./server-wide.ts";
import { readSizes, type Sizes, type TableSize } from "./sizes.ts";
import { placeOf, type Statement, statementsOf } from "./statements.ts";
import { takeStep } from "./step.ts";
import { pendingOf } from "./up.ts";
import { warningsOf } from "./warnings.ts";

export interface PlanOptions extends MigrateOptions {
  readonly to?: string | undefined;
  readonly steps?: number | undefined;
  /** The server on which a scratch database is made, to measure on; the target's own unless told otherwise. */
  readonly scratch?: Target | undefined;
}

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
}

export interface Plan {
  readonly migrations: readonly PlannedMigration[];
  /** Why the plan is not whole: the statement that would fail, or why nothing could be measured. */
  readonly error?: MigrationError | undefined;
}

/**
 * What `up` would run, and what each statement would lock: measured on a scratch database that is built up to
 * where the target is, with some rows in every table. Nothing is done to the target; it is asked for the sizes
 * of its tables.
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  const bookkeeping = options.bookkeeping ?? defaultBookkeeping;
  return withRun(options, async (run) => {
    const standings = await readStandings(run);
    const pending = pendingOf(standings, options);
    const applied = standings.flatMap(({ applied, migration }) => (applied === undefined ? [] : (migration ?? [])));
    if (pending.length === 0) return { migrations: [] };

    const planned: PlannedMigration[] = [];
    try {
      if (options.scratch === undefined) await refuseServerWide([...applied, ...pending].map(({ up }) => up));
      await withScratch(options.scratch ?? options.target, options, async (scratch) => {
        const { sql } = scratch.connections;
        for (const migration of applied) await takeStep(scratch, migration, "up");
        for (const migration of pending) {
          await fillTables(sql, { bookkeeping });
          const statements = await statementsOf(migration.up);
          const effects = (await measured(sql, migration, statements)).map((effect) =>
            withoutBooks(effect, bookkeeping),
          );
          planned.push(
            describe(migration, statements, effects, await readSizes(run.connections.sql, tablesOf(effects))),
          );
        }
      });
      return { migrations: planned };
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      const rest = await Promise.all(pending.slice(planned.length).map(unmeasured));
      return { migrations: [...planned, ...rest], error };
    }
  });
}

type Sql = Parameters<typeof measure>[0];

/** @throws {StatementError} with its place in the file */
async function measured(sql: Sql, { tag, up }: Migration, statements: readonly Statement[]): Promise<Effects[]> {
  try {
    return await measure(sql, statements, { transaction: !up.noTransaction });
  } catch (error) {
    const at = error instanceof FailedStatement ? (statements[error.index] ?? statements.at(-1)) : undefined;
    if (at === undefined || !(error instanceof Error)) throw error;
    const found = located(error.cause, at, { tag, script: up });
    if (!(found instanceof StatementError)) throw found;
    throw found.leaving("It failed on a scratch database; nothing was done to yours.");
  }
}

function describe(
  migration: Migration,
  statements: readonly Statement[],
  effects: readonly Effects[],
  sizes: Sizes,
): PlannedMigration {
  return {
    ...bare(migration, statements),
    statements: statements.map((statement, index) => {
      const effect = effects[index];
      return {
        ...bareStatement(migration, statement),
        locks: effect?.locks.map((lock) => ({ ...lock, ...sizes.get(lock.table), effect: whoWaits(lock.mode) })),
        rewrites: effect?.rewrites ?? [],
        scans: effect?.scans ?? [],
        outsideTransaction: effect?.outsideTransaction ?? false,
      };
    }),
    warnings: warningsOf(effects, sizes),
  };
}

async function unmeasured(migration: Migration): Promise<PlannedMigration> {
  return bare(migration, await statementsOf(migration.up));
}

const bare = (migration: Migration, statements: readonly Statement[]): PlannedMigration => ({
  tag: migration.tag,
  transaction: !migration.up.noTransaction,
  statements: statements.map((statement) => bareStatement(migration, statement)),
  warnings: [],
});

function bareStatement({ up }: Migration, statement: Statement): PlannedStatement {
  const { file, line } = placeOf(up, statement);
  return { text: statement.text.replace(/;$/, ""), file, line };
}

/** Every migration touches the books. */
function withoutBooks(effects: Effects, { schema, table: books }: Bookkeeping): Effects {
  const isOther = (table: string) => ![`${schema}.${books}`, `${schema}.${books}_runs`].includes(table);
  return {
    ...effects,
    locks: effects.locks.filter(({ table }) => isOther(table)),
    scans: effects.scans.filter(isOther),
    writes: effects.writes.filter(({ table }) => isOther(table)),
  };
}

const tablesOf = (effects: readonly Effects[]) => [
  ...new Set(
    effects.flatMap(({ locks, rewrites, scans, drops, writes }) => [
      ...[...locks, ...drops, ...writes].map(({ table }) => table),
      ...rewrites,
      ...scans,
    ]),
  ),
];
