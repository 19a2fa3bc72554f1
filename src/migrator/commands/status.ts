import { MigrationError } from "../errors.ts";
import type { MigrationState, MigrationStateKind } from "../history/migration-state.ts";
import { statementsOf } from "../journal/script.ts";
import type { MigrateOptions } from "../options.ts";
import { readMigrationStates, withMigrationRun } from "../runner/migration-run.ts";

export interface MigrationStatus {
  readonly tag: string;
  readonly state: MigrationStateKind;
  readonly appliedAt?: Date | undefined;
  /** ms */
  readonly duration?: number | undefined;
  readonly note?: string | undefined;
}

export interface Status {
  readonly migrations: readonly MigrationStatus[];
  /** `attention`: an operator must act; the states and notes say why. */
  readonly verdict: "current" | "pending" | "attention";
}

/**
 * The state of every migration: those of the folder in the journal's order, then those that only the database has. It
 * changes nothing and requests no lock.
 */
export async function status(options: MigrateOptions): Promise<Status> {
  return withMigrationRun(options, async (run) => {
    const states = await readMigrationStates(run);
    const needsAttention = states.some(
      ({ state, note, done }) => (state !== "applied" && state !== "pending") || (note ?? done) !== undefined,
    );
    const pending = states.some(({ state }) => state === "pending");
    const migrations = states.map(async (migrationState) => ({
      tag: migrationState.tag,
      state: migrationState.state,
      appliedAt: migrationState.applied?.appliedAt,
      duration: migrationState.applied?.duration,
      note: migrationState.note ?? (await progressNote(migrationState)),
    }));
    return {
      migrations: await Promise.all(migrations),
      verdict: needsAttention ? "attention" : pending ? "pending" : "current",
    };
  });
}

/** The progress of an unfinished migration without a transaction, and how to continue it. */
async function progressNote({ done, applied, migration }: MigrationState): Promise<string | undefined> {
  if (done === undefined || migration === undefined) return undefined;
  const script = applied === undefined ? migration.up : migration.down;
  const all = await statementsOf(script ?? migration.up).catch((error: unknown) => {
    if (error instanceof MigrationError) return undefined;
    throw error;
  });
  const part = `${done}${all === undefined ? "" : ` of ${all.length}`} statements`;
  return applied === undefined
    ? `${part} done: \`migrate up\` continues after them`
    : `${part} of its down migration done: \`migrate down\` continues after them`;
}
