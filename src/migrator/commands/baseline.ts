import { DriftError, MigrationError } from "../errors.ts";
import { readHistory } from "../history/history.ts";
import { migrationStates } from "../history/migration-state.ts";
import { recordBaseline } from "../history/records.ts";
import { compareCatalogs, readCatalog } from "../introspection/catalog.ts";
import { asRestored } from "../introspection/restored.ts";
import type { Migration } from "../journal/folder.ts";
import { refuseClusterWideStatements } from "../lint/cluster-wide-statements.ts";
import type { Report, RunOptions } from "../options.ts";
import type { Target } from "../runner/connections.ts";
import { readMigrationStates, setUpMigrationsTable, withMigrationRun } from "../runner/migration-run.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { takeStep } from "../runner/step.ts";
import { indexOfTag } from "./selection.ts";

export interface BaselineOptions extends RunOptions {
  /** Tag of the newest migration whose changes the database has. */
  readonly tag: string;
  /** The server for the scratch database. Default: the target's server. */
  readonly scratch?: Target | undefined;
  /** Records the migrations although the catalogs differ. */
  readonly allowDrift?: boolean | undefined;
}

/**
 * Records the migrations up to a tag as applied, for a database that was not built by migrations. It compares the
 * database's catalog with the one that these migrations build in a scratch database. Grants and partitions may differ,
 * because they belong to the operator and depend on the date.
 *
 * @throws {MigrationError} if the tag is unknown, if the scratch database cannot be created, or if a migration changes
 *   cluster-wide objects
 */
export async function baseline(options: BaselineOptions): Promise<Report> {
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const wanted = states.slice(0, indexOfTag(states, options.tag) + 1);
    const missing = wanted.flatMap(({ applied, migration }) => (applied === undefined ? (migration ?? []) : []));
    if (missing.length === 0) return { results: [] };
    if (options.scratch === undefined) await refuseClusterWideStatements(wanted.map(({ migration }) => migration?.up));
    const view = { migrationsTable: run.migrationsTable, grants: false, partitions: false };
    const expected = await withScratchDatabase(options.scratch ?? options.target, options, async (scratch) => {
      for (const { migration } of wanted) if (migration !== undefined) await takeStep(scratch, migration, "up");
      return readCatalog(scratch.connections.sql, view);
    });
    const actual = await readCatalog(run.connections.sql, view);
    const found = compareCatalogs(expected.map(asRestored), actual.map(asRestored));
    const error = differenceError(found, options.tag);
    if (error !== undefined && !options.allowDrift) return { results: pending(missing), error };
    if (error !== undefined) run.onEvent({ type: "warning", message: `drift allowed: ${error.message}` });

    await setUpMigrationsTable(run);
    await withMigratorLock(run, options.tag, async ({ tx }) => {
      const now = migrationStates(run.migrations, await readHistory(tx, run.migrationsTable));
      if (now.length !== states.length || now.some(({ state }, index) => state !== states[index]?.state))
        throw new MigrationError("Nothing was recorded: another migrator has run since. Look at `migrate status`.");
      for (const migration of missing) await recordBaseline(tx, migration, run.migrationsTable);
    });
    return { results: missing.map(({ tag }) => ({ tag, outcome: "recorded" })) };
  });
}

const pending = (migrations: readonly Migration[]) =>
  migrations.map(({ tag }) => ({ tag, outcome: "pending" as const }));

function differenceError(
  { missing, extra }: { missing: string[]; extra: string[] },
  tag: string,
): DriftError | undefined {
  if (missing.length + extra.length === 0) return undefined;
  return new DriftError(
    [
      `Nothing was recorded, because the database differs from what the migrations up to ${tag} build:`,
      ...missing.map((line) => `  - it lacks ${firstLine(line)}`),
      ...extra.map((line) => `  - it has   ${firstLine(line)}`),
      "Name another migration, or use --allow-drift if the difference is intended.",
    ].join("\n"),
  );
}

/** The first line of a definition: a function is identified by its name. */
const firstLine = (line: string) => line.replace(/\n[\s\S]*/, " …");
