import type { TransactionSql } from "postgres";
import { codeOf } from "../database/retry.ts";
import { type Bookkeeping, namesOf } from "./bookkeeping.ts";
import { LockWaitError } from "./errors.ts";

/**
 * Makes this transaction the only migrator of its database, until it ends, and gives it what a migration
 * needs: as much time as it takes, and a short stay in the queue for a table.
 *
 * A transaction-level advisory lock: one of a session's would be lost between two transactions in PgBouncer.
 *
 * @returns when it was had, by the server's clock
 * @throws {LockWaitError} when another migrator has not finished after `lockWait` ms
 */
export async function takeLock(
  tx: TransactionSql,
  options: { bookkeeping: Bookkeeping; lockWait: number; lockTimeout: number },
): Promise<string> {
  await tx`
    select set_config('lock_timeout', ${String(Math.max(1, Math.round(options.lockWait)))}, true),
      set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`;
  try {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`migrate ${namesOf(options.bookkeeping).table}`}, 0))`;
  } catch (error) {
    if (codeOf(error) !== "55P03") throw error;
    const seconds = Math.round(options.lockWait / 1000);
    throw new LockWaitError(
      `Another migrator has been at work on this database for ${seconds} s. Nothing was changed here. Run \`migrate status\` ` +
        "to see how far it is, or give it longer with --lock-wait.",
      { cause: error },
    );
  }
  const [row] = await tx`
    select clock_timestamp()::text as now, set_config('lock_timeout', ${String(options.lockTimeout)}, true)`;
  // A server that notices within a second that we are gone rolls back at once, instead of at the end of a long
  // statement. On Windows it cannot notice.
  await tx`select set_config('client_connection_check_interval', '1s', true) where version() !~ 'Visual C|mingw'`;
  return String(row?.["now"]);
}
