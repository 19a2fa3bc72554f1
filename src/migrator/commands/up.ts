import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import { assertNoDrift, driftProblems } from "../history/drift-problems.ts";
import type { MigrationState } from "../history/migration-state.ts";
import type { Migration } from "../journal/folder.ts";
import { readScript } from "../journal/script.ts";
import type { Report, RunOptions } from "../options.ts";
import {
  type MigrationRun,
  readMigrationStates,
  setUpMigrationsTable,
  withMigrationRun,
} from "../runner/migration-run.ts";
import { takeSteps } from "../runner/steps.ts";
import { assertStepCount, indexOfTag } from "./selection.ts";

export interface UpOptions extends RunOptions {
  /** Tag of the last migration to apply. */
  readonly to?: string | undefined;
  /** Maximum number of migrations to apply. */
  readonly steps?: number | undefined;
  /** Reports what would be applied, and applies nothing. */
  readonly dryRun?: boolean | undefined;
  /** Migrates although the database and the folder differ, and applies skipped migrations. */
  readonly allowDrift?: boolean | undefined;
}

/**
 * Applies the pending migrations in the journal's order. Each runs in a transaction together with its record in the
 * migrations table. Several migrators may run at once: each migration is applied once.
 *
 * @throws {FolderError} if the folder and its journal do not match
 * @throws {ConnectError} if the database cannot be reached
 */
export async function up(options: UpOptions): Promise<Report> {
  const assertAllowed = options.allowDrift ? () => {} : assertNoDrift;
  return withMigrationRun({ ...options, assertAllowed }, async (run) => {
    const states = await readMigrationStates(run);
    const pending = selectPending(states, options);
    if (options.allowDrift) warnOfDrift(run, states);
    try {
      assertAllowed(states);
      await assertRunnable(pending);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      return { results: asPending(pending), error };
    }
    if (options.dryRun) return { results: asPending(pending) };
    if (pending.length > 0) return takeSteps(run, pending, "up");
    await completeMigrationsTable(run, states);
    return { results: [] };
  });
}

const asPending = (migrations: readonly Migration[]) =>
  migrations.map(({ tag }) => ({ tag, outcome: "pending" as const }));

function warnOfDrift(run: MigrationRun, states: readonly MigrationState[]): void {
  for (const problem of driftProblems(states)) run.onEvent({ type: "warning", message: `drift allowed: ${problem}` });
}

/** Adds the migrator's columns and trigger to a table that drizzle-kit has created, unless this role cannot write. */
async function completeMigrationsTable(run: MigrationRun, states: readonly MigrationState[]): Promise<void> {
  if (driftProblems(states).length > 0) return;
  await setUpMigrationsTable(run).catch((error: unknown) => {
    if (!cannotWrite.has(codeOf(error) ?? "")) throw error;
  });
}

/** The role lacks the privilege, or the server is a standby. */
const cannotWrite = new Set<string>([sqlstate.insufficientPrivilege, sqlstate.readOnlySqlTransaction]);

/** Checks all scripts before the first one runs. @throws {MigrationError} for a statement that cannot run */
export async function assertRunnable(migrations: readonly Migration[]): Promise<void> {
  const scripts = await Promise.all(migrations.map(({ up }) => readScript(up)));
  const faults = scripts.flatMap(({ faults }) => faults);
  if (faults.length > 0) throw new MigrationError([...faults, "Nothing was done."].join("\n"));
}

/**
 * The migrations that `up` would apply.
 *
 * @throws {MigrationError} if the folder has no migration `to`, or `steps` is not a whole number
 */
export function selectPending(
  states: readonly MigrationState[],
  { to, steps }: Pick<UpOptions, "to" | "steps">,
): Migration[] {
  assertStepCount(steps);
  const candidates = to === undefined ? states : states.slice(0, indexOfTag(states, to) + 1);
  return candidates
    .filter(({ state }) => state === "pending" || state === "skipped")
    .flatMap(({ migration }) => migration ?? [])
    .slice(0, steps);
}
