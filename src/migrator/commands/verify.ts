import {
  type ExcludedTables,
  excludeAfter,
  noExcludedTables,
  type UnfilledTable,
} from "../fixtures/excluded-tables.ts";
import { fillChangedTables, readFixtureColumns } from "../fixtures/fixtures.ts";
import { readMigrations } from "../journal/folder.ts";
import { refuseClusterWideStatements } from "../lint/cluster-wide-statements.ts";
import type { MigrateOptions } from "../options.ts";
import { type RoundTrip, verifyRoundTrip } from "../round-trip/round-trip.ts";
import { applyRowsScript } from "../round-trip/rows-script.ts";
import type { Target } from "../runner/connections.ts";
import type { MigrationRun } from "../runner/migration-run.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { takeStep } from "../runner/step.ts";

export interface VerifyOptions extends Omit<MigrateOptions, "target" | "onEvent"> {
  /** The server on which scratch databases are created. Its other databases are not changed. */
  readonly server: Target;
  /** Whether migrations may change the roles and settings of the server. Default: false. */
  readonly disposable?: boolean | undefined;
  /** Verifies only this many of the newest migrations; earlier ones are applied without a check. */
  readonly steps?: number | undefined;
  /** Receives each result as soon as it is known. */
  readonly onResult?: ((result: RoundTripResult) => void) | undefined;
}

/** The result of verifying one down migration. */
export interface RoundTripResult {
  readonly tag: string;
  readonly outcome: "verified" | "irreversible" | "failed" | "not tried";
  /** The problems found; or why the migration cannot be reverted. */
  readonly reasons: readonly string[];
  /** Tables that had no rows, so that the result does not cover them. */
  readonly empty: readonly UnfilledTable[];
  /** ms */
  readonly duration: number;
}

/**
 * Verifies every down migration on a scratch database with fixtures in every table: up, down and up again must
 * leave the catalog and the earlier rows unchanged. After a failure, the next migration is verified on a new
 * database, to which the failed down migration was not applied. A migration whose up script rejects the
 * fixtures is verified again without them.
 *
 * @throws {MigrationError} when no scratch database can be created, or a migration has cluster-wide statements
 */
export async function verify(options: VerifyOptions): Promise<readonly RoundTripResult[]> {
  const migrations = readMigrations(options.folder);
  if (!options.disposable)
    await refuseClusterWideStatements(migrations.flatMap(({ up, down, rows }) => [up, down, rows]));

  const results: RoundTripResult[] = [];
  const report = (result: RoundTripResult) => {
    results.push(result);
    options.onResult?.(result);
  };
  let start: Start = { index: options.steps === undefined ? 0 : Math.max(0, migrations.length - options.steps) };
  while (start.index < migrations.length) {
    const current = start;
    start = await withScratchDatabase(options.server, options, (run) => verifyFrom(run, current, report));
  }
  return results;
}

/** Where a scratch database starts. */
interface Start {
  /** The first migration to verify. */
  readonly index: number;
  /** Tables that are excluded for this migration alone; undefined for its first attempt. */
  readonly excluded?: ExcludedTables;
}

/** Verifies migrations until one needs a new scratch database. @returns where that one starts */
async function verifyFrom(run: MigrationRun, start: Start, report: (result: RoundTripResult) => void): Promise<Start> {
  const { migrations } = run;
  for (const migration of migrations.slice(0, start.index)) {
    await takeStep(run, migration, "up");
    await applyRowsScript(run, migration);
  }
  await fillChangedTables(run, {
    now: await readFixtureColumns(run),
    before: new Map(),
    excluded: start.excluded,
  });

  let catalog: RoundTrip["catalog"];
  for (const [index, migration] of migrations.entries()) {
    if (index < start.index) continue;
    const { tag } = migration;
    const started = performance.now();
    const excluded = index === start.index ? start.excluded : undefined;
    const found = await verifyRoundTrip(run, migration, { excluded: excluded ?? noExcludedTables, catalog });
    const retry = excludeAfter(excluded, found.upError);
    if (retry !== undefined) return { index, excluded: retry };

    catalog = found.catalog;
    const { outcome, reasons, empty } = found;
    report({ tag, outcome, reasons, empty, duration: Math.round(performance.now() - started) });
    if (found.upError !== undefined) {
      for (const { tag: later } of migrations.slice(index + 1))
        report({ tag: later, outcome: "not tried", reasons: [`${tag} could not be applied`], empty: [], duration: 0 });
      break;
    }
    if (outcome === "failed") return { index: index + 1 };
  }
  return { index: migrations.length };
}
