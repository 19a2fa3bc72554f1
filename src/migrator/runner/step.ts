import type { Sql, TransactionSql } from "postgres";
import { MigrationError } from "../errors.ts";
import { compare, type MigrationState } from "../history/migration-state.ts";
import {
  ensureMigrationsTable,
  hasMigrationsTable,
  readHistory,
  recordApplied,
  removeRecord,
} from "../history/migrations-table.ts";
import type { Migration, Script } from "../journal/folder.ts";
import { type Statement, statementsOf } from "../journal/script.ts";
import type { Direction, Outcome } from "../options.ts";
import type { Connections, Outside } from "./connections.ts";
import { checkDeferred, execute, type StatementContext } from "./execute.ts";
import { monitorLocks } from "./lock-monitor.ts";
import {
  beginReadCommitted,
  type LockHolder,
  type Patient,
  resetSql,
  retryOnLockTimeout,
  settingsSql,
  timeoutsSql,
  withMigratorLock,
} from "./migrator-lock.ts";
import { executeOutside, type Worker } from "./no-transaction.ts";

/** Everything that one command works with. */
export interface MigrationRun extends Patient {
  readonly connections: Connections;
  readonly migrations: readonly Migration[];
  /** Throws when the database, as it stands once nobody else migrates, must not be touched, or not by this one. */
  readonly allows: (states: readonly MigrationState[], migration: Migration) => void;
  /** What the server said while a migration ran. */
  readonly noticesOf: (tag: string) => Pick<Outcome, "notices">;
}

/**
 * Applies or undoes one migration, whole or not at all, with its line in the books. Another migrator may
 * be faster: then there is nothing to do.
 *
 * @throws {MigrationError} and nothing of the migration is left, unless it does not run in a transaction
 */
export async function takeStep(run: MigrationRun, migration: Migration, direction: Direction): Promise<Outcome> {
  const { tag } = migration;
  const script = direction === "up" ? migration.up : migration.down;
  if (script === undefined) throw new Error(`${tag} has no way ${direction}`);
  const statements = await statementsOf(script);
  const context: StatementContext = { tag, direction, script, signal: run.signal, onEvent: run.onEvent };

  const started = performance.now();
  const work = script.noTransaction ? outside : inside;
  const worked = await work(run, { migration, direction, script, statements, context });
  const duration = Math.round(performance.now() - started);
  const outcome = direction === "down" ? "reverted" : worked ? "applied" : "applied elsewhere";
  run.onEvent({ type: "done", tag, outcome, ms: duration });
  return { tag, outcome, duration, ...run.noticesOf(tag) };
}

interface Step {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly script: Script;
  readonly statements: readonly Statement[];
  readonly context: StatementContext;
}

/** The usual way: the statements and the line in the books are one transaction. */
function inside(run: MigrationRun, step: Step): Promise<boolean> {
  return alone(run, step, async (tx, session) => {
    await execute(tx, step.statements, step.context);
    await recordStep(run, step, { tx, session });
  });
}

/** Statement by statement, on a connection of its own; this one holds the lock and writes the line when all are done. */
async function outside(run: MigrationRun, step: Step): Promise<boolean> {
  await setUpMigrationsTable(run);
  // Whoever has lost the lock must not go on: somebody else has it.
  const ended = new AbortController();
  const signal = run.signal === undefined ? ended.signal : AbortSignal.any([run.signal, ended.signal]);
  const context = { ...step.context, signal };
  const worker = await hire({ ...run, signal }, context);
  try {
    return await alone(run, step, async (tx, session) => {
      // A query with parameters leaves its portal open, and with it a snapshot that CREATE INDEX CONCURRENTLY
      // would wait for; one without closes it.
      await tx.unsafe("select 1");
      const { migrationsTable } = run;
      await executeOutside(worker, step.statements, context, { migrationsTable, when: step.migration.when });
      await recordStep(run, step, { tx, session });
    });
  } finally {
    ended.abort();
  }
}

/** Connections beside the one that holds the lock, each watched while it is at work. */
async function hire(run: MigrationRun, context: StatementContext): Promise<Worker> {
  const { sql, shared } = await run.connections.outside(0);
  let second: Promise<Outside> | undefined;
  const watched = async (connection: Sql, work: (sql: Sql) => Promise<void>) => {
    const [session] = await connection`select pg_backend_pid() as pid`;
    const stopWatching = monitorLocks(run.connections.sql, session?.["pid"], context);
    try {
      await work(connection);
    } finally {
      stopWatching();
    }
  };
  return {
    sql,
    patient: (work) => watched(sql, work),
    polite: (work) =>
      retryOnLockTimeout(run, context.tag, async () => {
        second ??= run.connections.outside(run.lockTimeout);
        await watched((await second).sql, work);
      }),
    inTransaction: (work) =>
      retryOnLockTimeout(run, context.tag, () =>
        watched(sql, (connection) =>
          beginReadCommitted(connection, async (tx) => {
            // A session of its own has its settings, and those that the file has set since.
            await tx.unsafe((shared ? settingsSql : timeoutsSql)(run.lockTimeout));
            await work(tx);
            if (shared) await tx.unsafe(resetSql(run.lockTimeout));
          }),
        ),
      ),
  };
}

/** The books, committed, for those who cannot write into them and migrate in one transaction. */
export async function setUpMigrationsTable(run: MigrationRun): Promise<void> {
  const { connections, migrationsTable } = run;
  if (await hasMigrationsTable(connections.sql, migrationsTable)) return;
  await withMigratorLock(run, "drizzle-kit's table", (tx) => ensureMigrationsTable(tx, migrationsTable));
}

/** Does `work` as the only migrator. @returns false when it had been done before */
function alone(
  run: MigrationRun,
  { migration, direction, context, statements }: Step,
  work: (tx: TransactionSql, session: LockHolder) => Promise<void>,
): Promise<boolean> {
  return withMigratorLock(run, migration.tag, async (tx, session) => {
    const stopWatching = monitorLocks(run.connections.sql, session.pid, context);
    try {
      await ensureMigrationsTable(tx, run.migrationsTable);
      const { applied, unfinished } = await readHistory(tx, run.migrationsTable);
      const states = compare(run.migrations, applied, unfinished);
      const isApplied = states.some(({ when, applied }) => when === migration.when && applied !== undefined);
      if (isApplied === (direction === "up")) return false;
      run.allows(states, migration);
      run.onEvent({ type: "start", tag: migration.tag, direction, statements: statements.length });
      await work(tx, session);
      return true;
    } finally {
      stopWatching();
    }
  });
}

/** In one round trip, though it is four queries. */
async function recordStep(
  { migrationsTable, lockTimeout }: MigrationRun,
  { direction, migration, statements, context }: Step,
  { tx, session }: { tx: TransactionSql; session: LockHolder },
): Promise<void> {
  const options = { migrationsTable, ...session };
  const [, , kept] = await Promise.all([
    checkDeferred(tx, statements.at(-1), context),
    // Sent now, and not when somebody asks for its result.
    tx.unsafe(resetSql(lockTimeout)).execute(),
    direction === "up" ? recordApplied(tx, migration, options) : removeRecord(tx, migration.when, options),
  ]);
  if (kept) return;
  throw new MigrationError(
    `${migration.tag} has ended the transaction that it ran in: what came before is committed, and is not in the books. ` +
      "Undo it by hand, and remove what ends the transaction.",
  );
}
