import { setTimeout as after } from "node:timers/promises";
import type { TransactionSql } from "postgres";
import { type Bookkeeping, namesOf } from "./bookkeeping.ts";
import { LockWaitError } from "./errors.ts";
import { describeSessions } from "./watch.ts";

export interface LockOptions {
  readonly bookkeeping: Bookkeeping;
  readonly lockWait: number;
  readonly lockTimeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Told after a second, and every ten, who has it. */
  readonly onWaiting?: ((ms: number, behind: readonly string[]) => void) | undefined;
}

/**
 * Makes this transaction the only migrator of its database, until it ends, and gives it what a migration
 * needs: as much time as it takes, and a short stay in the queue for a table.
 *
 * A transaction-level advisory lock: one of a session's would be lost between two transactions in PgBouncer.
 * It is asked for again and again, because a statement that waits for it would hold a snapshot, and the
 * CREATE INDEX CONCURRENTLY of whoever has the lock would wait for that snapshot in turn, for ever.
 *
 * @returns when it was had, by the server's clock, and the session's process
 * @throws {LockWaitError} when another migrator has not finished after `lockWait` ms
 */
export async function takeLock(tx: TransactionSql, options: LockOptions): Promise<{ started: string; pid: number }> {
  const key = `hashtextextended('migrate ${namesOf(options.bookkeeping).table.replaceAll("'", "''")}', 0)`;
  const started = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  await letGo(tx, settingsSql(options.lockTimeout));
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 500)) {
    const query = `select pg_try_advisory_xact_lock(${key}) as had, clock_timestamp()::text as now, pg_backend_pid() as pid`;
    const [row] = await letGo(tx, query);
    if (row?.["had"] === true) return { started: row["now"], pid: row["pid"] };
    const waited = performance.now() - started;
    if (waited > options.lockWait) throw tooLong(options.lockWait);
    if (waited > 1_000 && waited - toldAt > 10_000) {
      toldAt = waited;
      options.onWaiting?.(Math.round(waited), await holders(tx, key));
    }
    await after(pause * (0.5 + Math.random()), undefined, { signal: options.signal });
  }
}

/**
 * As much time as it takes, but a short stay in a queue. And a server that notices within a second that we are
 * gone rolls back then, instead of at the end of a long statement; on Windows it cannot notice.
 */
const settingsSql = (lockTimeout: number) => `
  select set_config('lock_timeout', '${Number(lockTimeout)}', true), set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    case when version() !~ 'Visual C|mingw' then set_config('client_connection_check_interval', '1s', true) end`;

async function holders(tx: TransactionSql, key: string): Promise<string[]> {
  const rows = await tx.unsafe(`
    select pid from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and (classid::bigint << 32 | objid::bigint) = ${key}`);
  const sessions = await describeSessions(
    tx,
    rows.map(({ pid }) => pid),
  );
  await letGo(tx, "select 1");
  return sessions;
}

/**
 * A query after which the transaction holds no snapshot while it is idle: one of the simple protocol. One with
 * parameters leaves its portal open, and with it the snapshot that CREATE INDEX CONCURRENTLY waits for.
 */
export const letGo = (tx: TransactionSql, query: string) => tx.unsafe(query);

function tooLong(lockWait: number): LockWaitError {
  return new LockWaitError(
    `Another migrator has been at work on this database for ${lockWait / 1000} s. Nothing was changed here. Run ` +
      "`migrate status` to see how far it is, or give it longer with --lock-wait.",
  );
}
