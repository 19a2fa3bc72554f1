import { MigrationError } from "../errors.ts";
import type { MigrationState, State } from "../history/migration-state.ts";
import { statementsOf } from "../journal/script.ts";
import type { MigrateOptions } from "../options.ts";
import { readMigrationStates, withMigrationRun } from "../runner/run.ts";

export interface MigrationStatus {
  readonly tag: string;
  readonly state: State;
  readonly appliedAt?: Date | undefined;
  /** ms */
  readonly duration?: number | undefined;
  readonly note?: string | undefined;
}

export interface Status {
  readonly migrations: readonly MigrationStatus[];
  /** `attention`: a person has to look; see the states. */
  readonly verdict: "current" | "pending" | "attention";
}

/**
 * How every migration stands: those of the folder in the journal's order, then those that only the database
 * knows. Changes nothing, and waits for nobody.
 */
export async function status(options: MigrateOptions): Promise<Status> {
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const unsettled = states.some(
      ({ state, note, done }) => (state !== "applied" && state !== "pending") || (note ?? done) !== undefined,
    );
    const pending = states.some(({ state }) => state === "pending");
    const migrations = states.map(async (migrationState) => ({
      tag: migrationState.tag,
      state: migrationState.state,
      appliedAt: migrationState.applied?.appliedAt,
      duration: migrationState.applied?.duration,
      note: migrationState.note ?? (await halfDone(migrationState)),
    }));
    return {
      migrations: await Promise.all(migrations),
      verdict: unsettled ? "attention" : pending ? "pending" : "current",
    };
  });
}

/** How far a migration is that does not run in a transaction, and how it goes on. */
async function halfDone({ done, applied, migration }: MigrationState): Promise<string | undefined> {
  if (done === undefined || migration === undefined) return undefined;
  const script = applied === undefined ? migration.up : migration.down;
  const all = await statementsOf(script ?? migration.up).catch((error: unknown) => {
    if (error instanceof MigrationError) return undefined;
    throw error;
  });
  const part = `${done}${all === undefined ? "" : ` of ${all.length}`} statements`;
  return applied === undefined
    ? `${part} done: \`migrate up\` goes on behind them`
    : `${part} of its down done: \`migrate down\` goes on behind them`;
}
