import { codeOf, sqlstate } from "../../database/index.ts";
import { DriftError, MigrationError } from "../errors.ts";
import { driftProblems, type MigrationState } from "../history/migration-state.ts";
import type { Migration } from "../journal/folder.ts";
import { readScript } from "../journal/script.ts";
import type { Report, RunOptions } from "../options.ts";
import { readMigrationStates, takeSteps, withMigrationRun } from "../runner/run.ts";
import { type MigrationRun, setUpMigrationsTable } from "../runner/step.ts";

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
  const allows = (states: readonly MigrationState[]) => {
    if (!options.allowDrift) refuseDrift(states);
  };
  return withMigrationRun({ ...options, allows }, async (run) => {
    const states = await readMigrationStates(run);
    const pending = pendingOf(states, options);
    if (options.allowDrift) {
      for (const message of driftProblems(states))
        run.onEvent({ type: "warning", message: `drift allowed: ${message}` });
    }
    try {
      allows(states);
      await refuseFaults(pending);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      return { results: pending.map(({ tag }) => ({ tag, outcome: "pending" })), error };
    }
    if (options.dryRun) return { results: pending.map(({ tag }) => ({ tag, outcome: "pending" })) };
    if (pending.length === 0) {
      await addGuard(run, states);
      return { results: [] };
    }
    return takeSteps(run, pending, "up");
  });
}

/** drizzle-kit's table gets what we add to it also when everything is applied; whoever may not is only looking. */
async function addGuard(run: MigrationRun, states: readonly MigrationState[]): Promise<void> {
  if (driftProblems(states).length > 0) return;
  await setUpMigrationsTable(run).catch((error: unknown) => {
    if (!mayNotWrite.has(codeOf(error) ?? "")) throw error;
  });
}

/** No right to (insufficient_privilege), or a standby (read_only_sql_transaction). */
const mayNotWrite = new Set<string>([sqlstate.insufficientPrivilege, sqlstate.readOnlySqlTransaction]);

/** Before the first is applied. @throws {MigrationError} when one holds what must not run */
export async function refuseFaults(migrations: readonly Migration[]): Promise<void> {
  const readings = await Promise.all(migrations.map(({ up }) => readScript(up)));
  const faults = readings.flatMap(({ faults }) => faults);
  if (faults.length > 0) throw new MigrationError([...faults, "Nothing was done."].join("\n"));
}

/** What `up` would apply. @throws {MigrationError} when the folder has no migration `to`, or there is no such number of steps */
export function pendingOf(
  states: readonly MigrationState[],
  { to, steps }: Pick<UpOptions, "to" | "steps">,
): Migration[] {
  refuseNoCount(steps);
  const wanted = to === undefined ? states : states.slice(0, indexOf(states, to) + 1);
  return wanted
    .filter(({ state }) => state === "pending" || state === "skipped")
    .flatMap(({ migration }) => migration ?? [])
    .slice(0, steps);
}

/** @throws {MigrationError} when the folder has no such migration */
export function indexOf(states: readonly MigrationState[], tag: string): number {
  const index = states.findIndex(
    (migrationState) => migrationState.tag === tag && migrationState.migration !== undefined,
  );
  if (index !== -1) return index;
  const tags = states.flatMap(({ migration }) => migration?.tag ?? []);
  throw new MigrationError(`There is no migration ${tag}; there are: ${tags.join(", ")}.`);
}

/** @throws {MigrationError} when so many steps cannot be taken */
export function refuseNoCount(steps: number | undefined): void {
  if (steps === undefined || (Number.isInteger(steps) && steps >= 0)) return;
  throw new MigrationError(`steps must be a whole number from 0 on, and not ${steps}.`);
}

/** @throws {DriftError} */
export function refuseDrift(states: readonly MigrationState[]): void {
  const found = driftProblems(states);
  if (found.length === 0) return;
  throw new DriftError(
    [
      "Nothing was done, because the database and the migrations folder have gone different ways:",
      ...found.map((trouble) => `  - ${trouble}`),
      "To go on as it stands: --allow-drift.",
    ].join("\n"),
  );
}
