import { type Aside, type Empty, fillChanged, nothingAside, readColumns, setAside } from "../fixtures/fixtures.ts";
import { readMigrations } from "../journal/folder.ts";
import { refuseServerWide } from "../lint/cluster-wide.ts";
import type { MigrateOptions } from "../options.ts";
import { type Finding, prove, putRows } from "../round-trip/round-trip.ts";
import type { Target } from "../runner/connections.ts";
import type { MigrationRun } from "../runner/migration-run.ts";
import { withScratchDatabase } from "../runner/scratch-database.ts";
import { takeStep } from "../runner/step.ts";

export interface VerifyOptions extends Omit<MigrateOptions, "target" | "onEvent"> {
  /** The server on which a scratch database is made; nothing else there is touched. */
  readonly server: Target;
  /** Whether the server is there to be thrown away, so that its roles and settings may be changed, too. */
  readonly disposable?: boolean | undefined;
  /** Only the newest so many; those before them are applied unproved. */
  readonly steps?: number | undefined;
  /** Told of each as soon as it is known. */
  readonly onProof?: ((proof: Proof) => void) | undefined;
}

/** What was found of one migration's way back. */
export interface Proof {
  readonly tag: string;
  readonly outcome: "proved" | "irreversible" | "failed" | "not tried";
  /** What is wrong; or why it cannot be undone. */
  readonly reasons: readonly string[];
  /** Tables that took no rows, or whose rows its up did not take, so that the proof says nothing of theirs. */
  readonly empty: readonly Empty[];
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
export async function verify(options: VerifyOptions): Promise<readonly Proof[]> {
  const migrations = readMigrations(options.folder);
  const first = options.steps === undefined ? 0 : Math.max(0, migrations.length - options.steps);
  if (!options.disposable) await refuseServerWide(migrations.flatMap(({ up, down, rows }) => [up, down, rows]));
  const proofs: Proof[] = [];
  let aside: Aside | undefined;
  while (first + proofs.length < migrations.length) {
    const next = { first: first + proofs.length, aside, onProof: options.onProof };
    const found = await withScratchDatabase(options.server, options, (run) => proveFrom(run, next));
    proofs.push(...found.proofs);
    aside = found.aside;
  }
  return proofs;
}

interface Start extends Pick<VerifyOptions, "onProof"> {
  readonly first: number;
  /** What the first goes without; undefined: it has not been tried. */
  readonly aside: Aside | undefined;
}

/**
 * Proves one after the other, until one has left the database as it should not be, or does not take the rows:
 * then `aside` says what it goes without at its next attempt.
 */
async function proveFrom(
  run: MigrationRun,
  { first, aside, onProof }: Start,
): Promise<{ proofs: Proof[]; aside?: Aside }> {
  for (const migration of run.migrations.slice(0, first)) {
    await takeStep(run, migration, "up");
    await putRows(run, migration);
  }
  await fillChanged(run, { now: await readColumns(run), before: new Map(), aside });

  const proofs: Proof[] = [];
  const add = (proof: Proof) => {
    proofs.push(proof);
    onProof?.(proof);
  };
  let known: Pick<Finding, "catalog"> = {};
  for (const [index, migration] of run.migrations.entries()) {
    if (index < first) continue;
    const { tag } = migration;
    const started = performance.now();
    const tried = index === first ? aside : undefined;
    const { stuck, catalog, ...found } = await prove(run, migration, { aside: tried ?? nothingAside, ...known });
    known = catalog === undefined ? {} : { catalog };
    const again = setAside(tried, stuck);
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
