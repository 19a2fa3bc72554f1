import { setTimeout as after, setImmediate as turn } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import {
  advisoryLocks,
  codeOf,
  isTransactionConflict,
  retry,
  sessionSettings,
  sqlstate,
} from "../../database/index.ts";
import { LockWaitError } from "../errors.ts";
import { ConcurrentSetupError, type MigrationsTable, quotedNames } from "../history/migrations-table.ts";
import type { MigrateEvent } from "../options.ts";
import type { Connections } from "./connections.ts";
import { describeSessions } from "./lock-monitor.ts";

/** Part of a run that waiting takes. */
export interface Patient {
  readonly connections: Pick<Connections, "sql">;
  readonly migrationsTable: MigrationsTable;
  /** Longest wait for other migrators, and for tables (ms). */
  readonly lockWait: number;
  /** Longest stay in the queue for a table (ms). */
  readonly lockTimeout: number;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: MigrateEvent) => void;
}

/** The session that is the only migrator now. */
export interface LockHolder {
  /** When it became so, by the server's clock. */
  readonly started: string;
  /** When its transaction began (s since 1970, exact): another transaction has another. */
  readonly transaction: string;
  readonly pid: number;
}

/**
 * Does `work` in a transaction that is the only migrator of its database until it ends, with what a migration
 * needs: as much time as it takes, and a short stay in the queue for a table. `work` may be run again.
 *
 * The lock is a transaction's, because a session's would be lost between two transactions in PgBouncer. It is
 * asked for by transactions that end at once: waiters take no connection from a pool, and hold no snapshot that
 * a CREATE INDEX CONCURRENTLY of whoever has the lock would have to wait for in turn.
 *
 * @throws {LockWaitError} when another migrator has not finished after `lockWait` ms
 */
export async function withMigratorLock<T>(
  run: Patient,
  tag: string,
  work: (tx: TransactionSql, session: LockHolder) => Promise<T>,
): Promise<T> {
  const key = `hashtextextended('${advisoryLocks.migrator(quotedNames(run.migrationsTable).table).replaceAll("'", "''")}', 0)`;
  const begun = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 500)) {
    const done = await retryOnLockTimeout(run, tag, () =>
      beginReadCommitted(run.connections.sql, (tx) => tryLock(tx, { key, run, work })),
    );
    if (done !== undefined) return done.value;
    const waited = performance.now() - begun;
    if (waited > run.lockWait) throw tooLong(run.lockWait, await holders(run, key));
    if (waited > 1_000 && waited - toldAt > 10_000) {
      toldAt = waited;
      run.onEvent({ type: "waiting", tag, ms: Math.round(waited), behind: await holders(run, key) });
    }
    await after(pause * (0.5 + Math.random()), undefined, { signal: run.signal });
  }
}

/**
 * A transaction that reads what is committed, whatever the role's default: a snapshot kept to its end would be one
 * to wait for. When the server ends the session, it says why before the connection is gone: that is the error to know.
 */
export async function beginReadCommitted<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  let first: unknown;
  try {
    const { value } = await sql.begin("isolation level read committed", async (tx) => {
      try {
        return { value: await work(tx) };
      } catch (error) {
        first = error;
        throw error;
      }
    });
    return value;
  } catch (error) {
    if (codeOf(error) !== "CONNECTION_CLOSED") throw error;
    // The statement hears of it in the same turn, a little later.
    await turn();
    throw first ?? error;
  }
}

/**
 * Forgets what a migration has set for its session: another would find it, and through PgBouncer the game. What holds
 * until the transaction ends is set anew.
 */
export const resetSql = (lockTimeout: number) =>
  `reset session authorization; reset role; reset all; ${settingsSql(lockTimeout)}`;

async function tryLock<T>(
  tx: TransactionSql,
  { key, run, work }: { key: string; run: Patient; work: (tx: TransactionSql, session: LockHolder) => Promise<T> },
): Promise<{ value: T } | undefined> {
  const results = (await tx.unsafe(`
    ${settingsSql(run.lockTimeout)};
    select pg_try_advisory_xact_lock(${key}) as had, clock_timestamp()::text as started,
      extract(epoch from now())::text as transaction, pg_backend_pid() as pid`)) as unknown as [
    LockHolder & { had: boolean },
  ][];
  const row = results.at(-1)?.[0];
  return row?.had ? { value: await work(tx, row) } : undefined;
}

/**
 * As much time as it takes, but a short stay in a queue. And a server that notices within a second that we are
 * gone rolls back then, instead of at the end of a long statement; on Windows it cannot notice.
 */
export const timeoutsSql = (lockTimeout: number) => `
  select set_config('lock_timeout', '${Number(lockTimeout)}', true), set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    case when current_setting('transaction_timeout', true) is not null then set_config('transaction_timeout', '0', true) end,
    case when version() !~* 'windows|msvc|mingw|visual c' then set_config('client_connection_check_interval', '1s', true) end`;

/** What names and literals of a migration mean is not left to the role (`alter role … set search_path`). */
export const settingsSql = (lockTimeout: number) => `
  select ${Object.entries(sessionSettings)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(", ")};
  ${timeoutsSql(lockTimeout)}`;

/**
 * Whoever queues for a table makes everybody queue who comes later, readers too. So a transaction that has not
 * got it in time gives everything back and tries again a little later (PostgreSQL manual, 20.11, lock_timeout).
 */
export function retryOnLockTimeout<T>(
  { onEvent, signal, lockWait }: Pick<Patient, "onEvent" | "signal" | "lockWait">,
  tag: string,
  work: () => Promise<T>,
): Promise<T> {
  return retry(work, {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: lockWait,
    minTimeout: 200,
    maxTimeout: 10_000,
    shouldRetry: (error) =>
      error instanceof ConcurrentSetupError ||
      codeOf(error) === sqlstate.lockNotAvailable ||
      isTransactionConflict(error),
    onRetry: (error, attempt) => onEvent({ type: "retry", tag, attempt, reason: messageOf(error) }),
    signal,
  });
}

const messageOf = (error: unknown) => (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));

async function holders({ connections }: Patient, key: string): Promise<string[]> {
  const rows = await connections.sql.unsafe(`
    select pid from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and (classid::bigint << 32 | objid::bigint) = ${key}`);
  return describeSessions(
    connections.sql,
    rows.map(({ pid }) => pid),
  );
}

function tooLong(lockWait: number, behind: readonly string[]): LockWaitError {
  return new LockWaitError(
    `Another migrator has been at work on this database for ${lockWait / 1000} s${behind.length > 0 ? `: ${behind.join(", ")}` : ""}. ` +
      "Nothing was changed here. Run `migrate status` to see how far it is, or give it longer with --lock-wait.",
  );
}
