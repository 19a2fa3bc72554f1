import { MigrationError } from "../errors.ts";
import { readHistory } from "../history/history.ts";
import { migrationStates } from "../history/migration-state.ts";
import { ensureMigrationsTable } from "../history/migrations-table.ts";
import { recordApplied, removeRecord } from "../history/records.ts";
import type { Migration, Script } from "../journal/folder.ts";
import { type Statement, statementsOf } from "../journal/script.ts";
import type { Direction, Outcome } from "../options.ts";
import { checkDeferred, execute, type StatementContext } from "./execute.ts";
import { monitorLocks } from "./lock-monitor.ts";
import { type MigrationRun, setUpMigrationsTable } from "./migration-run.ts";
import { resetSql } from "./migration-settings.ts";
import { type LockedTransaction, withMigratorLock } from "./migrator-lock.ts";
import { executeWithoutTransaction } from "./no-transaction.ts";
import { openSession } from "./no-transaction-session.ts";

/** One migration that is to be applied or undone. */
interface Step {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly script: Script;
  readonly statements: readonly Statement[];
  readonly context: StatementContext;
}

/**
 * Applies or undoes one migration together with its record, completely or not at all. If another migrator has done it
 * before, nothing is done.
 *
 * @throws {MigrationError} and leaves nothing of the migration, unless it runs without a transaction
 */
export async function takeStep(run: MigrationRun, migration: Migration, direction: Direction): Promise<Outcome> {
  const { tag } = migration;
  const script = migration[direction];
  if (script === undefined) throw new Error(`${tag} has no ${direction} migration`);
  const context: StatementContext = { tag, direction, script, signal: run.signal, onEvent: run.onEvent };
  const step: Step = { migration, direction, script, statements: await statementsOf(script), context };

  const started = performance.now();
  const isTaken = script.noTransaction ? await takeWithoutTransaction(run, step) : await takeInTransaction(run, step);
  const duration = Math.round(performance.now() - started);
  const outcome = direction === "down" ? "reverted" : isTaken ? "applied" : "applied elsewhere";
  run.onEvent({ type: "done", tag, outcome, ms: duration });
  return { tag, outcome, duration, ...run.noticesOf(tag) };
}

/** Runs the statements and writes the record in one transaction. @returns false if the step was taken before */
const takeInTransaction = (run: MigrationRun, step: Step): Promise<boolean> =>
  takeLocked(run, step, ({ tx }) => execute(tx, step.statements, step.context));

/**
 * Runs each statement on a session of its own. The transaction that holds the lock writes the record at the end.
 *
 * @returns false if the step was taken before
 */
async function takeWithoutTransaction(run: MigrationRun, step: Step): Promise<boolean> {
  await setUpMigrationsTable(run);
  // When the lock is lost, another migrator can hold it: the statements must stop.
  const lockLost = new AbortController();
  const signal = run.signal === undefined ? lockLost.signal : AbortSignal.any([run.signal, lockLost.signal]);
  const context = { ...step.context, signal };
  const session = await openSession({ ...run, signal }, context);
  const progressKey = { migrationsTable: run.migrationsTable, when: step.migration.when };
  try {
    return await takeLocked(run, step, async ({ tx }) => {
      // The portal of a query with parameters keeps its snapshot, for which CREATE INDEX CONCURRENTLY would wait. A
      // query without parameters closes it.
      await tx.unsafe("select 1");
      await executeWithoutTransaction(session, step.statements, { context, progressKey });
    });
  } finally {
    lockLost.abort();
  }
}

/**
 * Executes a step and writes its record in a transaction that holds the migrator lock. Its waits are monitored.
 *
 * @returns false if the step was taken before
 */
function takeLocked(
  run: MigrationRun,
  step: Step,
  executeStatements: (locked: LockedTransaction) => Promise<void>,
): Promise<boolean> {
  return withMigratorLock(run, step.migration.tag, async (locked) => {
    const stopMonitor = monitorLocks(run.connections.sql, locked.pid, step.context);
    try {
      if (await isTakenBefore(run, step, locked)) return false;
      await executeStatements(locked);
      await recordStep(run, step, locked);
      return true;
    } finally {
      stopMonitor();
    }
  });
}

/**
 * Checks the step against the history as it is while the lock is held.
 *
 * @returns whether the step was taken before
 * @throws {MigrationError} if the command does not allow the step in this state
 */
async function isTakenBefore(
  run: MigrationRun,
  { migration, direction, statements }: Step,
  { tx }: LockedTransaction,
): Promise<boolean> {
  await ensureMigrationsTable(tx, run.migrationsTable);
  const states = migrationStates(run.migrations, await readHistory(tx, run.migrationsTable));
  const isApplied = states.some(({ when, applied }) => when === migration.when && applied !== undefined);
  if (isApplied === (direction === "up")) return true;
  run.assertAllowed(states, migration);
  run.onEvent({ type: "start", tag: migration.tag, direction, statements: statements.length });
  return false;
}

/** Checks deferred constraints, resets the session and writes the record, in one round trip. */
async function recordStep(
  { migrationsTable, lockTimeout }: MigrationRun,
  { direction, migration, statements, context }: Step,
  { tx, started, transaction }: LockedTransaction,
): Promise<void> {
  const options = { migrationsTable, started, transaction };
  const [, , isRecorded] = await Promise.all([
    checkDeferred(tx, statements.at(-1), context),
    // `execute` sends it now. Without it, the query would be sent when its result is awaited.
    tx.unsafe(resetSql(lockTimeout)).execute(),
    direction === "up" ? recordApplied(tx, migration, options) : removeRecord(tx, migration.when, options),
  ]);
  if (isRecorded) return;
  throw new MigrationError(
    `${migration.tag} has ended the transaction that it ran in: the statements before that are committed and not recorded. ` +
      "Undo them by hand, and remove the statement that ends the transaction.",
  );
}
