import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import { withAuditPartitions } from "./audit-partitions.ts";
import { isTransactionConflict } from "./error-code.ts";
import type { Executor } from "./executor.ts";
import { type RetryPolicy, retry } from "./retry.ts";

/** After the first repetition. The other transaction usually ends within milliseconds. */
const conflictRetries: RetryPolicy = { retries: 3, minTimeout: 10, maxTimeout: 200 };

/**
 * Runs `work` in the caller's transaction if `executor` is one, else in a new transaction, which is committed when
 * `work` resolves and rolled back when it throws.
 *
 * A new transaction that fails with a serialization failure or a deadlock (SQLSTATE 40001, 40P01) is rolled back and
 * repeated from its start, at most four times. It is also repeated after a missing partition of the audit trail has
 * been created. `work` must therefore have no effect outside of the database.
 */
export function inTransaction<T>(executor: Executor, work: (tx: Executor) => Promise<T>): Promise<T> {
  if (is(executor, PgTransaction)) return work(executor);
  return repeated(executor, () => executor.transaction(work));
}

/**
 * Runs a single statement that writes: in the caller's transaction once, else as a transaction of its own, which is
 * repeated for the same reasons as one of `inTransaction`.
 */
export function runWrite<T>(executor: Executor, write: () => Promise<T>): Promise<T> {
  return is(executor, PgTransaction) ? write() : repeated(executor, write);
}

async function repeated<T>(executor: Executor, transaction: () => Promise<T>): Promise<T> {
  const attempt = () => withAuditPartitions(executor, transaction);
  try {
    return await attempt();
  } catch (error) {
    if (!isTransactionConflict(error)) throw error;
    return retry(attempt, { ...conflictRetries, shouldRetry: isTransactionConflict });
  }
}
