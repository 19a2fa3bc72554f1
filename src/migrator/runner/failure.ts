import { ConnectError, codeOf, sqlstate } from "../../database/index.ts";
import { LockWaitError, MigrationError, StoppedError } from "../errors.ts";
import type { MigrationState } from "../history/migration-state.ts";
import type { Migration } from "../journal/folder.ts";
import type { Direction } from "../options.ts";

/** The step that failed. */
export interface FailedStep {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly error: unknown;
}

/** The error that an operator reads. */
export function explainFailure(error: unknown, { signal }: { signal: AbortSignal | undefined }): MigrationError {
  if (signal?.aborted) return new StoppedError("Stopped on request.", { cause: error });
  if (error instanceof MigrationError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === sqlstate.insufficientPrivilege) {
    const remedy = "the role that migrates must own the tables and the migrations table.";
    return new MigrationError(`${text} (42501): ${remedy}`, { cause: error });
  }
  return new MigrationError(`The database reported an error: ${text}${code === undefined ? "" : ` (${code})`}.`, {
    cause: error,
  });
}

/** The state of the database after a failure, for an operator. `readStates` reads it again. */
export async function describeState(readStates: () => Promise<MigrationState[]>, step: FailedStep): Promise<string> {
  const states = await readStates().catch((failure: unknown) => {
    if (failure instanceof ConnectError || codeOf(failure) !== undefined) return undefined;
    throw failure;
  });
  if (states === undefined)
    return "The state of the database is unknown, because it does not answer. Run `migrate status` when it does.";
  const newest = states.findLast(({ applied, migration }) => applied !== undefined && migration !== undefined);
  const position = newest === undefined ? "no migration is applied" : `it is at ${newest.tag}`;
  const state = `State of the database: ${position}; ${step.migration.tag} ${describeRemains(step)}.`;
  if (codeOf(step.error) !== sqlstate.lockNotAvailable) return state;
  return `${state}\nAnother session held the table all the time: the log names it ("migration waits for a lock"). End that session, or set a longer --lock-wait.`;
}

/** What the failed step has left in the database. */
function describeRemains({ migration, direction, error }: FailedStep): string {
  if (error instanceof LockWaitError) return "was not begun";
  if (migration[direction]?.noTransaction) {
    return (
      "does not run in a transaction: the statements before the failure are committed" +
      (direction === "up" ? ", and the next `migrate up` continues after them" : "")
    );
  }
  if (isConnectionLost(error)) {
    const done = direction === "up" ? "applied" : "undone";
    return `is ${done} completely or not at all: \`migrate status\` shows whether it was committed before the connection was lost`;
  }
  return direction === "up" ? "was rolled back completely" : "is still applied completely";
}

/** Whether the connection was lost without a message of the server. An SQLSTATE contains a digit; the driver's codes do not. */
const isConnectionLost = (error: unknown) => /^\D+$/.test(codeOf(error) ?? "");
