import { is } from "drizzle-orm";
import { type PgDatabase, PgTransaction } from "drizzle-orm/pg-core";
import type { PostgresJsDatabase, PostgresJsQueryResultHKT } from "drizzle-orm/postgres-js";
import { withPartitions } from "./audit-partitions.ts";
import { isLostRace, type Patience, retry } from "./retry.ts";

/** The pool. */
export type Db = PostgresJsDatabase;

/** What a repository runs its queries on: the pool, or the caller's transaction. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

/** A race is lost in milliseconds, and won as quickly. */
const patience: Patience = { retries: 4, minTimeout: 10, maxTimeout: 200 };

/**
 * Runs `work` in a transaction: the caller's, when `executor` is one, else a new one. It is
 * committed when `work` resolves and rolled back when it throws.
 *
 * A new transaction that fails to serialize or deadlocks (SQLSTATE 40001, 40P01) is rolled back and
 * run again from its start, at most four times, so `work` must do nothing but talk to the database. So is one for
 * which the audit trail had no partition, once that was made.
 */
export function inTransaction<T>(executor: Executor, work: (tx: Executor) => Promise<T>): Promise<T> {
  if (is(executor, PgTransaction)) return work(executor);
  return retry(() => withPartitions(executor, () => executor.transaction(work)), { ...patience, again: isLostRace });
}

/**
 * Runs a single statement that writes: on the caller's transaction as it is, else once more when the audit trail had
 * no partition for it.
 */
export function asStatement<T>(executor: Executor, write: () => Promise<T>): Promise<T> {
  return is(executor, PgTransaction) ? write() : withPartitions(executor, write);
}
