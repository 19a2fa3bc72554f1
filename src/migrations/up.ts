import { type Standing, troubles } from "./compare.ts";
import { DriftError, MigrationError } from "./errors.ts";
import type { Migration } from "./folder.ts";
import type { Report, RunOptions } from "./options.ts";
import { readStandings, takeSteps, withRun } from "./run.ts";

export interface UpOptions extends RunOptions {
  /** The last migration to apply, by its tag. */
  readonly to?: string | undefined;
  /** How many to apply at most. */
  readonly steps?: number | undefined;
  /** Only says what would be applied. */
  readonly dryRun?: boolean | undefined;
  /** Goes on although the database and the folder have gone different ways, and applies skipped migrations. */
  readonly allowDrift?: boolean | undefined;
}

/**
 * Applies what is pending, in the journal's order, each in a transaction of its own together with its line
 * in drizzle-kit's table. Any number may run at once: each migration is applied once.
 *
 * @throws {FolderError} when the folder is not whole
 * @throws {ConnectError} when the database cannot be reached
 */
export async function up(options: UpOptions): Promise<Report> {
  const allows = (standings: readonly Standing[]) => {
    if (!options.allowDrift) refuseDrift(standings);
  };
  return withRun({ ...options, allows }, async (run) => {
    const standings = await readStandings(run);
    const pending = pendingOf(standings, options);
    if (options.allowDrift) {
      for (const message of troubles(standings)) run.onEvent({ type: "warning", message: `drift allowed: ${message}` });
    }
    try {
      allows(standings);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      return { results: pending.map(({ tag }) => ({ tag, outcome: "pending" })), error };
    }
    if (options.dryRun) return { results: pending.map(({ tag }) => ({ tag, outcome: "pending" })) };
    if (pending.length === 0) return { results: [] };
    return takeSteps(run, pending, "up");
  });
}

/** What `up` would apply. @throws {MigrationError} when the folder has no migration `to` */
export function pendingOf(standings: readonly Standing[], { to, steps }: Pick<UpOptions, "to" | "steps">): Migration[] {
  const wanted = to === undefined ? standings : standings.slice(0, indexOf(standings, to) + 1);
  return wanted
    .filter(({ state }) => state === "pending" || state === "skipped")
    .flatMap(({ migration }) => migration ?? [])
    .slice(0, steps);
}

/** @throws {MigrationError} when the folder has no such migration */
export function indexOf(standings: readonly Standing[], tag: string): number {
  const index = standings.findIndex((standing) => standing.tag === tag && standing.migration !== undefined);
  if (index !== -1) return index;
  const tags = standings.flatMap(({ migration }) => migration?.tag ?? []);
  throw new MigrationError(`There is no migration ${tag}; there are: ${tags.join(", ")}.`);
}

function refuseDrift(standings: readonly Standing[]): void {
  const found = troubles(standings);
  if (found.length === 0) return;
  throw new DriftError(
    [
      "Nothing was done, because the database and the migrations folder have gone different ways:",
      ...found.map((trouble) => `  - ${trouble}`),
      "To go on as it stands: --allow-drift.",
    ].join("\n"),
  );
}
