import { MigrationError, StatementError } from "../errors.ts";
import {
  type ExcludedTables,
  excludeAfter,
  type FixtureColumns,
  fillChangedTables,
  noExcludedTables,
  readFixtureColumns,
  unfilledTables,
  withoutExcluded,
} from "../fixtures/fixtures.ts";
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
import { readMigrationStates, withMigrationRun } from "../runner/run.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { type MigrationRun, takeStep } from "../runner/step.ts";
import { pendingOf, refuseFaults } from "./up.ts";

export type { PlannedLock, PlannedMigration, PlannedStatement } from "../impact/planned-migration.ts";

export interface PlanOptions extends MigrateOptions {
  readonly to?: string | undefined;
  readonly steps?: number | undefined;
  /** The server on which a scratch database is made, to measure on; the target's own unless told otherwise. */
  readonly scratch?: Target | undefined;
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
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const pending = pendingOf(states, options);
    const applied = states.flatMap(({ applied, migration }) => (applied === undefined ? [] : (migration ?? [])));
    if (pending.length === 0) return { migrations: [] };

    const planned: PlannedMigration[] = [];
    try {
      await refuseFaults(pending);
      if (options.scratch === undefined)
        await refuseClusterWideStatements([...applied, ...pending].map(({ up }) => up));
      let aside: ExcludedTables | undefined;
      while (planned.length < pending.length) {
        const done = planned.length;
        aside = await withScratchDatabase(options.scratch ?? options.target, options, async (scratch) => {
          for (const migration of [...applied, ...pending.slice(0, done)]) await takeStep(scratch, migration, "up");
          return planFrom(scratch, pending.slice(done), { aside, add, sizesOf });
        });
      }
      return { migrations: planned };
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      const rest = await Promise.all(pending.slice(planned.length).map(describeUnmeasured));
      return { migrations: [...planned, ...rest], error };
    }

    function add(migration: PlannedMigration): void {
      planned.push(migration);
    }

    function sizesOf(tables: readonly string[]): Promise<TableSizes> {
      return readTableSizes(run.connections.sql, tables);
    }
  });
}

interface Planning {
  readonly aside: ExcludedTables | undefined;
  readonly add: (migration: PlannedMigration) => void;
  /** As they are at the target. */
  readonly sizesOf: (tables: readonly string[]) => Promise<TableSizes>;
}

/** Measures one after the other, until one does not take the rows: then says what it goes without at its next attempt. */
async function planFrom(
  scratch: MigrationRun,
  migrations: readonly Migration[],
  { aside, add, sizesOf }: Planning,
): Promise<ExcludedTables | undefined> {
  const { connections, migrationsTable } = scratch;
  let before: FixtureColumns = new Map();
  for (const [index, migration] of migrations.entries()) {
    const tried = index === 0 ? aside : undefined;
    const now = await readFixtureColumns(scratch);
    await fillChangedTables(scratch, { now, before, aside: tried });
    before = withoutExcluded(now, tried ?? noExcludedTables);
    const statements = await statementsOf(migration.up);
    try {
      const effects = (await measured(connections.sql, migration, statements)).map((effect) =>
        withoutMigrationsTable(effect, migrationsTable),
      );
      const empty = unfilledTables(tried ?? noExcludedTables);
      add({ ...describeImpact(migration, statements, effects, await sizesOf(affectedTables(effects))), empty });
    } catch (error) {
      const again = excludeAfter(tried, error);
      if (again === undefined) throw error;
      return again;
    }
  }
  return undefined;
}

type Sql = Parameters<typeof measureEffects>[0];

/** @throws {StatementError} with its place in the file */
async function measured(sql: Sql, { tag, up }: Migration, statements: readonly Statement[]): Promise<Effects[]> {
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
