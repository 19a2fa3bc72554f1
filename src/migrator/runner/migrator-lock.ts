import { setTimeout as delay } from "node:timers/promises";
import type { TransactionSql } from "postgres";
import { advisoryLocks } from "../../database/index.ts";
import { LockWaitError } from "../errors.ts";
import { type MigrationsTable, quotedNames, quoteLiteral } from "../history/table-names.ts";
import type { Connections } from "./connections.ts";
import { describeSessions } from "./lock-monitor.ts";
import { settingsSql } from "./migration-settings.ts";
import { beginReadCommitted, type LockWaiting, retryOnLockTimeout } from "./transaction.ts";

export interface LockOptions extends LockWaiting {
  readonly connections: Pick<Connections, "sql">;
  readonly migrationsTable: MigrationsTable;
}

/** A transaction that holds the migrator lock. */
export interface LockedTransaction {
  readonly tx: TransactionSql;
  /** When it obtained the lock, by the server's clock. */
  readonly started: string;
  /** When it began (s since 1970, exact). No other transaction of the session has the same value. */
  readonly transaction: string;
  readonly pid: number;
}

/** Pauses between attempts to obtain the lock (ms). */
const pauses = { first: 20, factor: 1.5, longest: 500 };

/** A wait is reported after this time, and again after `reportInterval` (ms). */
const reportAfter = 1_000;
const reportInterval = 10_000;

/**
 * Runs `work` in a transaction that holds the migrator lock of the database. `work` runs again after a lock time-out.
 *
 * The lock is an advisory lock of the transaction: PgBouncer in transaction mode would release a session's lock. It is
 * requested without waiting, by transactions that end at once: a waiting transaction would occupy a connection of the
 * pool, and hold a snapshot for which CREATE INDEX CONCURRENTLY of the lock's holder waits.
 *
 * @throws {LockWaitError} if another migrator holds the lock for longer than `lockWait` ms
 */
export async function withMigratorLock<T>(
  options: LockOptions,
  tag: string,
  work: (locked: LockedTransaction) => Promise<T>,
): Promise<T> {
  const key = lockKey(options.migrationsTable);
  const attempt = (tx: TransactionSql) => runIfLocked(tx, { key, lockTimeout: options.lockTimeout, work });
  const begun = performance.now();
  let reportedAt = Number.NEGATIVE_INFINITY;
  for (let pause = pauses.first; ; pause = Math.min(pause * pauses.factor, pauses.longest)) {
    const result = await retryOnLockTimeout(options, tag, () => beginReadCommitted(options.connections.sql, attempt));
    if (result !== undefined) return result.value;

    const waited = performance.now() - begun;
    if (waited > options.lockWait) throw lockWaitError(options.lockWait, await describeHolders(options, key));
    if (waited > reportAfter && waited - reportedAt > reportInterval) {
      reportedAt = waited;
      const behind = await describeHolders(options, key);
      options.onEvent({ type: "waiting", tag, ms: Math.round(waited), behind });
    }
    await delay(pause * (0.5 + Math.random()), undefined, { signal: options.signal });
  }
}

const lockKey = (migrationsTable: MigrationsTable) =>
  `hashtextextended(${quoteLiteral(advisoryLocks.migrator(quotedNames(migrationsTable).table))}, 0)`;

/** Runs `work` if the transaction obtains the lock. @returns undefined if another session holds it */
async function runIfLocked<T>(
  tx: TransactionSql,
  options: { key: string; lockTimeout: number; work: (locked: LockedTransaction) => Promise<T> },
): Promise<{ value: T } | undefined> {
  const results = (await tx.unsafe(`
    ${settingsSql(options.lockTimeout)};
    select pg_try_advisory_xact_lock(${options.key}) as locked, clock_timestamp()::text as started,
      extract(epoch from now())::text as transaction, pg_backend_pid() as pid`)) as unknown as [
    Omit<LockedTransaction, "tx"> & { locked: boolean },
  ][];
  const row = results.at(-1)?.[0];
  if (!row?.locked) return undefined;
  const { started, transaction, pid } = row;
  return { value: await options.work({ tx, started, transaction, pid }) };
}

async function describeHolders({ connections }: LockOptions, key: string): Promise<string[]> {
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

function lockWaitError(lockWait: number, holders: readonly string[]): LockWaitError {
  const by = holders.length > 0 ? `: ${holders.join(", ")}` : "";
  return new LockWaitError(
    `Another migrator has held the migrator lock of this database for ${lockWait / 1000} s${by}. Nothing was changed. ` +
      "Run `migrate status` to see its progress, or set a longer --lock-wait.",
  );
}
