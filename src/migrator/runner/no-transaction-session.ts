import type { Sql, TransactionSql } from "postgres";
import type { SessionConnection } from "./connections.ts";
import type { StatementContext } from "./execute.ts";
import { monitorLocks } from "./lock-monitor.ts";
import type { MigrationRun } from "./migration-run.ts";
import { resetSql, settingsSql, timeoutsSql } from "./migration-settings.ts";
import { beginReadCommitted, retryOnLockTimeout } from "./transaction.ts";

/** The connections on which a migration without a transaction runs, beside the one that holds the migrator lock. */
export interface NoTransactionSession {
  readonly sql: Sql;
  /** Runs what does not block readers and writers while it waits for a lock, without `lock_timeout`. */
  readonly withoutLockTimeout: (work: (sql: Sql) => Promise<void>) => Promise<void>;
  /** Runs on a connection with `lock_timeout`, and again after a time-out. */
  readonly withLockTimeout: (work: (sql: Sql) => Promise<void>) => Promise<void>;
  /** Runs in a transaction with `lock_timeout`, and again after a time-out. */
  readonly inTransaction: (work: (tx: TransactionSql) => Promise<void>) => Promise<void>;
}

/** Opens the session. The second connection is opened when it is first used. */
export async function openSession(run: MigrationRun, context: StatementContext): Promise<NoTransactionSession> {
  const { sql, isShared } = await run.connections.openSession({ lockTimeout: 0 });
  let second: Promise<SessionConnection> | undefined;

  const monitored = async (connection: Sql, work: (sql: Sql) => Promise<void>) => {
    const [session] = await connection`select pg_backend_pid() as pid`;
    const stopMonitor = monitorLocks(run.connections.sql, session?.["pid"], context);
    try {
      await work(connection);
    } finally {
      stopMonitor();
    }
  };
  const withSettings = (work: (tx: TransactionSql) => Promise<void>) => async (tx: TransactionSql) => {
    // A connection of one client has its session settings already, and those that earlier statements have set.
    await tx.unsafe((isShared ? settingsSql : timeoutsSql)(run.lockTimeout));
    await work(tx);
    if (isShared) await tx.unsafe(resetSql(run.lockTimeout));
  };

  return {
    sql,
    withoutLockTimeout: (work) => monitored(sql, work),
    withLockTimeout: (work) =>
      retryOnLockTimeout(run, context.tag, async () => {
        second ??= run.connections.openSession({ lockTimeout: run.lockTimeout });
        await monitored((await second).sql, work);
      }),
    inTransaction: (work) =>
      retryOnLockTimeout(run, context.tag, () =>
        monitored(sql, (connection) => beginReadCommitted(connection, withSettings(work))),
      ),
  };
}
