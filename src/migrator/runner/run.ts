import { ConnectError, codeOf, sqlstate } from "../../database/index.ts";
import { LockWaitError, MigrationError, StoppedError } from "../errors.ts";
import { compare, type MigrationState } from "../history/migration-state.ts";
import { defaultMigrationsTable, readHistory } from "../history/migrations-table.ts";
import { type Migration, readMigrations } from "../journal/folder.ts";
import type { Direction, Outcome, Report, RunOptions } from "../options.ts";
import { openConnections } from "./connections.ts";
import { createNotices } from "./notices.ts";
import { type MigrationRun, takeStep } from "./step.ts";

/** Opens what a command works with, and closes it when `work` is done. */
export async function withMigrationRun<T>(
  options: RunOptions & { allows?: MigrationRun["allows"]; arrays?: boolean },
  work: (run: MigrationRun) => Promise<T>,
): Promise<T> {
  const migrations = readMigrations(options.folder);
  const migrationsTable = options.migrationsTable ?? defaultMigrationsTable;
  const notices = createNotices(options.onEvent ?? (() => {}), migrationsTable);
  const connections = await openConnections(options.target, {
    onNotice: notices.onNotice,
    signal: options.signal,
    arrays: options.arrays,
  });
  try {
    const run: MigrationRun = {
      connections,
      migrations,
      migrationsTable,
      lockWait: options.lockWait ?? 600_000,
      lockTimeout: options.lockTimeout ?? 2_000,
      signal: options.signal,
      onEvent: notices.onEvent,
      noticesOf: notices.of,
      allows: options.allows ?? (() => {}),
    };
    return await work(run).catch((error: unknown) => {
      throw codeOf(error) === undefined ? error : explain(error, run);
    });
  } finally {
    await connections.end();
  }
}

/** Every migration as it stands now. */
export async function readMigrationStates({
  connections,
  migrations,
  migrationsTable,
}: MigrationRun): Promise<MigrationState[]> {
  const { applied, unfinished } = await readHistory(connections.sql, migrationsTable);
  return compare(migrations, applied, unfinished);
}

/** Takes the steps one by one, and says what became of each; the first failure ends it. */
export async function takeSteps(
  run: MigrationRun,
  migrations: readonly Migration[],
  direction: Direction,
): Promise<Report> {
  const results: Outcome[] = [];
  const waiting = () =>
    migrations
      .slice(results.length)
      .map(({ tag }): Outcome => ({ tag, outcome: direction === "up" ? "pending" : "kept" }));
  for (const migration of migrations) {
    const started = performance.now();
    try {
      run.signal?.throwIfAborted();
      results.push(await takeStep(run, migration, direction));
    } catch (error) {
      if (direction === "up" && (await appliedMeanwhile(run, migration, error))) {
        results.push({
          tag: migration.tag,
          outcome: "applied elsewhere",
          duration: Math.round(performance.now() - started),
        });
        continue;
      }
      const ms = Math.round(performance.now() - started);
      const explained = explain(error, run);
      run.onEvent({ type: "done", tag: migration.tag, outcome: "failed", ms, error: explained });
      results.push({ tag: migration.tag, outcome: "failed", duration: ms, ...run.noticesOf(migration.tag) });
      return {
        results: [...results, ...waiting()],
        error: explained.leaving(await describeState(run, { migration, direction, error })),
      };
    }
  }
  return { results };
}

/** A plain drizzle-kit knows no lock of ours: what fails beside it may have failed because it was faster. */
async function appliedMeanwhile(run: MigrationRun, { when }: Migration, error: unknown): Promise<boolean> {
  if (error instanceof MigrationError && error.cause === undefined) return false;
  const states = await readMigrationStates(run).catch(() => []);
  return states.some((migrationState) => migrationState.when === when && migrationState.applied !== undefined);
}

function explain(error: unknown, { signal }: MigrationRun): MigrationError {
  if (signal?.aborted) return new StoppedError("Stopped, as it was told to.", { cause: error });
  if (error instanceof MigrationError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === sqlstate.insufficientPrivilege) {
    return new MigrationError(`${text} (42501): the role that migrates must own the tables, and drizzle-kit's own.`, {
      cause: error,
    });
  }
  return new MigrationError(`The database could not go on: ${text}${code === undefined ? "" : ` (${code})`}.`, {
    cause: error,
  });
}

/** What an operator needs to know after a failure. */
async function describeState(
  run: MigrationRun,
  { migration, direction, error }: { migration: Migration; direction: Direction; error: unknown },
): Promise<string> {
  const states = await readMigrationStates(run).catch((failure: unknown) => {
    if (failure instanceof ConnectError || codeOf(failure) !== undefined) return undefined;
    throw failure;
  });
  if (states === undefined)
    return "The database cannot be asked what state it is in. Run `migrate status` when it answers.";
  const newest = states.findLast(
    (migrationState) => migrationState.applied !== undefined && migrationState.migration !== undefined,
  );
  const at = newest === undefined ? "no migration is applied" : `it is at ${newest.tag}`;
  const state = `State of the database: ${at}; ${migration.tag} ${leftOf(migration, direction, error)}.`;
  return codeOf(error) === sqlstate.lockNotAvailable
    ? `${state}\nSomebody else held the table all the time: the log says who ("migration waits for a lock"). End them, or wait longer with --lock-wait.`
    : state;
}

function leftOf(migration: Migration, direction: Direction, error: unknown): string {
  if (error instanceof LockWaitError) return "was not begun";
  if (migration[direction]?.noTransaction) {
    return (
      "does not run in a transaction: the statements before the failure are done and stay" +
      (direction === "up" ? ", and the next `migrate up` goes on behind them" : "")
    );
  }
  if (isConnectionLost(error)) {
    const done = direction === "up" ? "applied" : "undone";
    return `is ${done} whole or not at all: whether it was committed when the connection was lost, \`migrate status\` tells`;
  }
  return direction === "up" ? "was rolled back, nothing of it is left" : "is still applied, whole";
}

/** Lost without a word of the server's: an SQLSTATE has a digit. */
const isConnectionLost = (error: unknown) => /^\D+$/.test(codeOf(error) ?? "");
