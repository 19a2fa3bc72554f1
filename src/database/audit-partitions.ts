import { sql } from "drizzle-orm";
import { UnavailableError } from "../errors.ts";
import { isUnavailable } from "./error-code.ts";
import type { Executor } from "./executor.ts";
import { type RetryPolicy, retry } from "./retry.ts";
import { sqlstate } from "./sqlstate.ts";

/** Writers of `users` hold their locks for milliseconds, and the SQL function itself retries for some seconds. */
const creationRetries: RetryPolicy = { retries: 3, minTimeout: 100, maxTimeout: 1_000 };

/**
 * Whether a row of the audit trail matched no partition. PostgreSQL reports this as a check violation without a
 * constraint name. Its message is translated; the name of the C function is not.
 */
export function isMissingPartition(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (
    "code" in error &&
    error.code === sqlstate.checkViolation &&
    "routine" in error &&
    error.routine === "ExecFindPartition"
  )
    return true;
  return isMissingPartition(error.cause);
}

/** The error for the client; `cause` is for the log. */
export const missingPartitionError = (cause: unknown): UnavailableError =>
  new UnavailableError("The audit trail has no partition for this change now. Try again in a few seconds.", {
    isFault: true,
    cause,
  });

/** How far the monthly partitions of the audit trail reach, by the clock of the database. */
export interface AuditRunway {
  /** The end of the months that have partitions: ISO 8601, in UTC. */
  readonly endsAt: string;
  /** The months after the current one. Negative if the months have ended. */
  readonly monthsAhead: number;
  /** Whether rows are dated later. They are in `partitions.audit_log_beyond`. */
  readonly hasRowsBeyond: boolean;
}

/** @throws {Error} the driver's, if the migrations are pending */
export async function readAuditRunway(db: Executor): Promise<AuditRunway> {
  const [row] = await db.execute(sql`
    select to_char(ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as ends_at, months_ahead, has_rows_beyond
    from public.audit_log_runway()`);
  if (row === undefined) throw new TypeError("audit_log_runway() returned no row");
  return {
    endsAt: String(row["ends_at"]),
    monthsAhead: Number(row["months_ahead"]),
    hasRowsBeyond: row["has_rows_beyond"] === true,
  };
}

/**
 * Prepares `partitions.audit_log_beyond` for becoming a partition of months, so that nobody waits while its rows are read.
 *
 * @param tx a transaction, which is committed before the next step
 * @returns whether there is a further step
 */
export async function prepareAuditPartitions(tx: Executor): Promise<boolean> {
  const setLimit = (timeout: unknown) =>
    tx.execute(sql`select set_config('statement_timeout', ${timeout}::text, true)`);
  const [setting] = await tx.execute(sql`select current_setting('statement_timeout') as timeout`);
  // Writers do not wait while its rows are read, however long that takes. They do in what follows in the transaction.
  await setLimit("0");
  const [row] = await tx.execute(sql`select public.prepare_audit_log_beyond() as more`);
  await setLimit(setting?.["timeout"]);
  return row?.["more"] === true;
}

/**
 * Creates the missing partitions of the current month and of the months ahead.
 *
 * @param monthsAhead 3 by default, which is all that a call may wait for
 * @returns the names of the partitions that were created or attached
 * @throws the driver's error: 42501 if the role may not call the function, 42883 if the migrations are pending
 */
export async function createAuditPartitions(db: Executor, monthsAhead = 3): Promise<string[]> {
  const rows = await db.execute(sql`select public.create_audit_log_partitions(${monthsAhead}::integer) as name`);
  return rows.map((row) => String(row["name"]));
}

/** The running repair of each pool: at most one at a time. */
const repairs = new WeakMap<Executor, Promise<unknown>>();

/**
 * Runs a write that is a transaction of its own. If the audit trail has no partition for it, the missing partitions
 * are created and the write runs once more. Creating them in the writer's transaction, or in a trigger, would deadlock
 * concurrent writers.
 *
 * @throws {UnavailableError} when the partitions cannot be created
 */
export async function withAuditPartitions<T>(db: Executor, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isMissingPartition(error)) throw error;
    await repair(db).catch((reason: unknown) => {
      throw missingPartitionError(reason);
    });
    return write();
  }
}

function repair(db: Executor): Promise<unknown> {
  const create = () => retry(() => createAuditPartitions(db), { ...creationRetries, shouldRetry: isUnavailable });
  const running = repairs.get(db) ?? create().finally(() => repairs.delete(db));
  repairs.set(db, running);
  return running;
}
