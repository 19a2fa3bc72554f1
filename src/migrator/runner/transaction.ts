import { setImmediate as nextTurn } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import { codeOf, isTransactionConflict, retry, sqlstate } from "../../database/index.ts";
import { ConcurrentSetupError } from "../history/migrations-table.ts";
import type { MigrateEvent } from "../options.ts";

/** How long to wait for locks, and whom to notify. */
export interface LockWaiting {
  /** Longest wait for other migrators and for tables (ms). */
  readonly lockWait: number;
  /** Longest wait of one lock request (ms). */
  readonly lockTimeout: number;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: MigrateEvent) => void;
}

/**
 * Runs `work` in a READ COMMITTED transaction, whatever the role's default: other sessions would wait for the snapshot
 * of a REPEATABLE READ transaction. If the server ends the session, the error is the server's message and not the
 * driver's "connection closed".
 */
export async function beginReadCommitted<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  let statementError: unknown;
  try {
    const { value } = await sql.begin("isolation level read committed", async (tx) => {
      try {
        return { value: await work(tx) };
      } catch (error) {
        statementError = error;
        throw error;
      }
    });
    return value;
  } catch (error) {
    if (codeOf(error) !== "CONNECTION_CLOSED") throw error;
    // The driver rejects the statement later in the same turn of the event loop.
    await nextTurn();
    throw statementError ?? error;
  }
}

/**
 * Runs `work`, and runs it again when a lock request times out. A waiting lock request blocks every later request for
 * the table, those of readers included, so the transaction rolls back and waits before it requests the lock again
 * (PostgreSQL manual, 20.11, lock_timeout).
 */
export function retryOnLockTimeout<T>(
  { onEvent, signal, lockWait }: Pick<LockWaiting, "onEvent" | "signal" | "lockWait">,
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
    onRetry: (error, attempt) => onEvent({ type: "retry", tag, attempt, reason: firstLineOf(error) }),
    signal,
  });
}

const firstLineOf = (error: unknown) => (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
