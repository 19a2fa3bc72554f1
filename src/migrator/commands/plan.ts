import { MigrationError, StatementError } from "../errors.ts";
import { describeExcluded, type ExcludedTables, excludeAfter, noExcludedTables } from "../fixtures/excluded-tables.ts";
import { type FixtureColumns, fillChangedTables, readFixtureColumns, withoutExcluded } from "../fixtures/fixtures.ts";
import { type Effects, MeasurementError, measureEffects } from "../impact/measurement.ts";
import {
  affectedTables,
  describeImpact,
  describeUnmeasured,
  type PlannedMigration,
  withoutMigrationsTable,
} from "../impact/planned-migration.ts";
import { readTableSizes, type TableSizes } from "../introspection/table-sizes.ts";
import type { Migration } from "../journal/folder.ts";
import { type Statement, statementsOf } from "../journal/script.ts";
import { refuseClusterWideStatements } from "../lint/cluster-wide-statements.ts";
import type { MigrateOptions } from "../options.ts";
import type { Target } from "../runner/connections.ts";
import { withPlace } from "../runner/execute.ts";
import type { MigrationRun } from "../runner/migration-run.ts";
import { readMigrationStates, withMigrationRun } from "../runner/migration-run.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { takeStep } from "../runner/step.ts";
import { assertRunnable, selectPending } from "./up.ts";

export type { PlannedLock, PlannedMigration, PlannedStatement } from "../impact/planned-migration.ts";

export interface PlanOptions extends MigrateOptions {
  /** The last migration to plan, by its tag. */
  readonly to?: string | undefined;
  /** How many migrations to plan at most. */
  readonly steps?: number | undefined;
  /** The server on which a scratch database is created for the measurement. Default: the target's server. */
  readonly scratch?: Target | undefined;
}

export interface Plan {
  readonly migrations: readonly PlannedMigration[];
  /** Why the plan is incomplete: the statement that would fail, or why nothing could be measured. */
  readonly error?: MigrationError | undefined;
}

/**
 * Returns what `up` would run and which locks each statement would take, measured on a scratch database that has
 * the target's applied migrations and fixtures in every table. The target is only read, for the sizes of its tables.
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const pending = selectPending(states, options);
    const applied = states.flatMap(({ applied, migration }) => (applied === undefined ? [] : (migration ?? [])));
    if (pending.length === 0) return { migrations: [] };

    const planned: PlannedMigration[] = [];
    const context: MeasurementContext = {
      report: (migration) => planned.push(migration),
      readSizes: (tables) => readTableSizes(run.connections.sql, tables),
    };
    try {
      await assertRunnable(pending);
      if (options.scratch === undefined)
        await refuseClusterWideStatements([...applied, ...pending].map(({ up }) => up));
      let excluded: ExcludedTables | undefined;
      while (planned.length < pending.length) {
        const done = pending.slice(0, planned.length);
        const rest = pending.slice(planned.length);
        excluded = await withScratchDatabase(options.scratch ?? options.target, options, async (scratch) => {
          for (const migration of [...applied, ...done]) await takeStep(scratch, migration, "up");
          return planFrom(scratch, rest, { ...context, excluded });
        });
      }
      return { migrations: planned };
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      const rest = await Promise.all(pending.slice(planned.length).map(describeUnmeasured));
      return { migrations: [...planned, ...rest], error };
    }
  });
}

interface MeasurementContext {
  readonly report: (migration: PlannedMigration) => void;
  /** Reads the sizes of tables of the target. */
  readonly readSizes: (tables: readonly string[]) => Promise<TableSizes>;
}

/**
 * Measures migrations until one rejects the fixtures.
 *
 * @param options.excluded tables that are excluded for the first migration; undefined for its first attempt
 * @returns the tables to exclude when the rejecting migration is tried again; undefined when all are measured
 */
async function planFrom(
  scratch: MigrationRun,
  migrations: readonly Migration[],
  options: MeasurementContext & { readonly excluded: ExcludedTables | undefined },
): Promise<ExcludedTables | undefined> {
  let before: FixtureColumns = new Map();
  for (const [index, migration] of migrations.entries()) {
    const excluded = index === 0 ? options.excluded : undefined;
    const now = await readFixtureColumns(scratch);
    await fillChangedTables(scratch, { now, before, excluded });
    before = withoutExcluded(now, excluded ?? noExcludedTables);
    const statements = await statementsOf(migration.up);
    try {
      const measured = await measureMigration(scratch.connections.sql, migration, statements);
      const effects = measured.map((effect) => withoutMigrationsTable(effect, scratch.migrationsTable));
      const sizes = await options.readSizes(affectedTables(effects));
      const empty = describeExcluded(excluded ?? noExcludedTables);
      options.report({ ...describeImpact(migration, statements, effects, sizes), empty });
    } catch (error) {
      const retry = excludeAfter(excluded, error);
      if (retry === undefined) throw error;
      return retry;
    }
  }
  return undefined;
}

type Sql = Parameters<typeof measureEffects>[0];

/** @throws {StatementError} with the position in the file */
async function measureMigration(
  sql: Sql,
  { tag, up }: Migration,
  statements: readonly Statement[],
): Promise<Effects[]> {
  try {
    return await measureEffects(sql, statements, { transaction: !up.noTransaction });
  } catch (error) {
    const at = error instanceof MeasurementError ? (statements[error.index] ?? statements.at(-1)) : undefined;
    if (at === undefined || !(error instanceof Error)) throw error;
    const found = withPlace(error.cause, at, { tag, script: up });
    if (!(found instanceof StatementError)) throw found;
    throw found.leaving("It failed on a scratch database; nothing was done to yours.");
  }
}
