import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import { withAuditPartitions } from "./audit-partitions.ts";
import { isTransactionConflict } from "./error-code.ts";
import type { Executor } from "./executor.ts";
import { type RetryPolicy, retry } from "./retry.ts";

/** The other transaction usually ends within milliseconds. */
const conflictRetries: RetryPolicy = { retries: 4, minTimeout: 10, maxTimeout: 200 };

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
  return retry(() => withAuditPartitions(executor, () => executor.transaction(work)), {
    ...conflictRetries,
    shouldRetry: isTransactionConflict,
  });
}

/**
 * Runs a single statement that writes. Outside of a transaction it runs once more after a missing partition of the
 * audit trail has been created; in the caller's transaction it runs once.
 */
export function runWrite<T>(executor: Executor, write: () => Promise<T>): Promise<T> {
  return is(executor, PgTransaction) ? write() : withAuditPartitions(executor, write);
}
