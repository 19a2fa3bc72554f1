import { DriftError, MigrationError } from "../errors.ts";
import { compare } from "../history/migration-state.ts";
import { readApplied, recordBaseline } from "../history/migrations-table.ts";
import { compareCatalogs, readCatalog } from "../introspection/catalog.ts";
import { asRestored } from "../introspection/restored.ts";
import type { Migration } from "../journal/folder.ts";
import { refuseClusterWideStatements } from "../lint/cluster-wide-statements.ts";
import type { Report, RunOptions } from "../options.ts";
import type { Target } from "../runner/connections.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";
import { readMigrationStates, withMigrationRun } from "../runner/run.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { setUpMigrationsTable, takeStep } from "../runner/step.ts";
import { indexOf } from "./up.ts";

export interface BaselineOptions extends RunOptions {
  /** The migration that the database is at. */
  readonly tag: string;
  /** The server on which a scratch database is made; the target's own unless told otherwise. */
  readonly scratch?: Target | undefined;
  /** Records although the catalogs differ. */
  readonly allowDrift?: boolean | undefined;
}

/**
 * Records a database that was not made by migrations as being at one of them, after comparing its catalog
 * with what the migrations up to that one build. Grants and partitions may differ: they are an operator's
 * and the calendar's.
 *
 * @throws {MigrationError} when the tag is unknown, or no scratch database can be made, or a migration would
 *   change the target's whole server
 */
export async function baseline(options: BaselineOptions): Promise<Report> {
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const wanted = states.slice(0, indexOf(states, options.tag) + 1);
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
    const error = differ(found, options.tag);
    if (error !== undefined && !options.allowDrift) return { results: pending(missing), error };
    if (error !== undefined) run.onEvent({ type: "warning", message: `drift allowed: ${error.message}` });

    await setUpMigrationsTable(run);
    await withMigratorLock(run, options.tag, async (tx) => {
      const now = compare(run.migrations, await readApplied(tx, run.migrationsTable));
      if (now.length !== states.length || now.some(({ state }, index) => state !== states[index]?.state))
        throw new MigrationError(
          "Nothing was recorded: somebody else has migrated meanwhile. Look at `migrate status`.",
        );
      for (const migration of missing) await recordBaseline(tx, migration, run.migrationsTable);
    });
    return { results: missing.map(({ tag }) => ({ tag, outcome: "recorded" })) };
  });
}

const pending = (migrations: readonly Migration[]) =>
  migrations.map(({ tag }) => ({ tag, outcome: "pending" as const }));

function differ({ missing, extra }: { missing: string[]; extra: string[] }, tag: string): DriftError | undefined {
  if (missing.length + extra.length === 0) return undefined;
  return new DriftError(
    [
      `Nothing was recorded, because the database is not what the migrations up to ${tag} build:`,
      ...missing.map((line) => `  - it lacks ${firstLine(line)}`),
      ...extra.map((line) => `  - it has   ${firstLine(line)}`),
      "Is it at another migration? If what differs is meant to: --allow-drift.",
    ].join("\n"),
  );
}

/** A function is told by its name. */
const firstLine = (line: string) => line.replace(/\n[\s\S]*/, " …");
