import {
  type ExcludedTables,
  excludeAfter,
  fillChangedTables,
  noExcludedTables,
  readFixtureColumns,
  type UnfilledTable,
} from "../fixtures/fixtures.ts";
import { readMigrations } from "../journal/folder.ts";
import { refuseClusterWideStatements } from "../lint/cluster-wide-statements.ts";
import type { MigrateOptions } from "../options.ts";
import { applyRowsScript, type RoundTrip, verifyRoundTrip } from "../round-trip/round-trip.ts";
import type { Target } from "../runner/connections.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { type MigrationRun, takeStep } from "../runner/step.ts";

export interface VerifyOptions extends Omit<MigrateOptions, "target" | "onEvent"> {
  /** The server on which a scratch database is made; nothing else there is touched. */
  readonly server: Target;
  /** Whether the server is there to be thrown away, so that its roles and settings may be changed, too. */
  readonly disposable?: boolean | undefined;
  /** Only the newest so many; those before them are applied unproved. */
  readonly steps?: number | undefined;
  /** Told of each as soon as it is known. */
  readonly onResult?: ((proof: RoundTripResult) => void) | undefined;
}

/** What was found of one migration's way back. */
export interface RoundTripResult {
  readonly tag: string;
  readonly outcome: "proved" | "irreversible" | "failed" | "not tried";
  /** What is wrong; or why it cannot be undone. */
  readonly reasons: readonly string[];
  /** Tables that took no rows, or whose rows its up did not take, so that the proof says nothing of theirs. */
  readonly empty: readonly UnfilledTable[];
  /** ms */
  readonly duration: number;
}

/**
 * Proves every way back, on a scratch database with rows in every table: up, down and up again must leave
 * the catalog and the rows that were there as they were. A migration that fails is reported, and the next
 * one is proved on a database that was built without its down. One whose up does not take the rows that were
 * made up is proved without those.
 *
 * @throws {MigrationError} when no scratch database can be made, or a migration would change the whole server
 */
export async function verify(options: VerifyOptions): Promise<readonly RoundTripResult[]> {
  const migrations = readMigrations(options.folder);
  const first = options.steps === undefined ? 0 : Math.max(0, migrations.length - options.steps);
  if (!options.disposable)
    await refuseClusterWideStatements(migrations.flatMap(({ up, down, rows }) => [up, down, rows]));
  const proofs: RoundTripResult[] = [];
  let aside: ExcludedTables | undefined;
  while (first + proofs.length < migrations.length) {
    const next = { first: first + proofs.length, aside, onResult: options.onResult };
    const found = await withScratchDatabase(options.server, options, (run) => verifyFrom(run, next));
    proofs.push(...found.proofs);
    aside = found.aside;
  }
  return proofs;
}

interface Start extends Pick<VerifyOptions, "onResult"> {
  readonly first: number;
  /** What the first goes without; undefined: it has not been tried. */
  readonly aside: ExcludedTables | undefined;
}

/**
 * Proves one after the other, until one has left the database as it should not be, or does not take the rows:
 * then `aside` says what it goes without at its next attempt.
 */
async function verifyFrom(
  run: MigrationRun,
  { first, aside, onResult }: Start,
): Promise<{ proofs: RoundTripResult[]; aside?: ExcludedTables }> {
  for (const migration of run.migrations.slice(0, first)) {
    await takeStep(run, migration, "up");
    await applyRowsScript(run, migration);
  }
  await fillChangedTables(run, { now: await readFixtureColumns(run), before: new Map(), aside });

  const proofs: RoundTripResult[] = [];
  const add = (proof: RoundTripResult) => {
    proofs.push(proof);
    onResult?.(proof);
  };
  let known: Pick<RoundTrip, "catalog"> = {};
  for (const [index, migration] of run.migrations.entries()) {
    if (index < first) continue;
    const { tag } = migration;
    const started = performance.now();
    const tried = index === first ? aside : undefined;
    const { stuck, catalog, ...found } = await verifyRoundTrip(run, migration, {
      aside: tried ?? noExcludedTables,
      ...known,
    });
    known = catalog === undefined ? {} : { catalog };
    const again = excludeAfter(tried, stuck);
    if (again !== undefined) return { proofs, aside: again };
    add({ tag, ...found, duration: Math.round(performance.now() - started) });
    if (found.outcome !== "failed") continue;
    if (stuck !== undefined) {
      for (const { tag: behind } of run.migrations.slice(index + 1))
        add({ tag: behind, outcome: "not tried", reasons: [`${tag} could not be applied`], empty: [], duration: 0 });
    }
    break;
  }
  return { proofs };
}
