import { sql } from "drizzle-orm";
import { UnavailableError } from "../errors.ts";
import { isUnavailable, type Patience, retry } from "./retry.ts";
import type { Db, Executor } from "./transaction.ts";

/** A writer of users holds its locks for milliseconds; the function itself tries again for some seconds. */
const patience: Patience = { retries: 3, minTimeout: 100, maxTimeout: 1_000 };

/**
 * Whether a row of the audit trail found no partition. PostgreSQL reports it as a broken CHECK (23514) without a
 * constraint's name; the message is translated, the name of the function in the server is not.
 */
export function isUnpartitioned(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && error.code === "23514" && "routine" in error && error.routine === "ExecFindPartition")
    return true;
  return isUnpartitioned(error.cause);
}

/**
 * Makes the partitions of this month and of the months ahead that are missing.
 *
 * @returns the names of those that were made or attached
 * @throws what the driver throws: 42501 when the role may not call the function, 42883 before the migrations
 */
export async function makePartitions(db: Executor, { signal }: { signal?: AbortSignal } = {}): Promise<string[]> {
  const make = () => db.execute(sql`select public.create_audit_log_partitions() as name`);
  const rows = await retry(make, { ...patience, again: isUnavailable, signal });
  return rows.map((row) => String(row["name"]));
}

/** One repair at a time for each pool. */
const repairs = new WeakMap<Executor, Promise<unknown>>();

/**
 * Runs a write that is a transaction of its own. Where the audit trail has no partition for it, the missing ones are
 * made and the write runs once more. Not in the writer's transaction, nor by a trigger: writers would deadlock.
 *
 * @throws {UnavailableError} when no partition could be made
 */
export async function withPartitions<T>(db: Executor, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUnpartitioned(error)) throw error;
    await repair(db).catch((reason: unknown) => {
      throw unpartitioned(reason);
    });
    return write();
  }
}

/** What a caller is told; `cause` is for the log. */
export const unpartitioned = (cause: unknown): UnavailableError =>
  new UnavailableError("The audit trail has no place for this change just now. Try again in a few seconds.", {
    isFault: true,
    cause,
  });

function repair(db: Executor): Promise<unknown> {
  const running = repairs.get(db) ?? makePartitions(db).finally(() => repairs.delete(db));
  repairs.set(db, running);
  return running;
}

/** Something that keeps changes from being recorded, or will. */
export interface AuditProblem {
  readonly problem: string;
  /** Whether no change can be made until it is mended. */
  readonly blocksWrites: boolean;
}

/** What keeps changes from being recorded: partitions that are missing, triggers that are gone, disabled or not fired. */
export async function auditProblems(db: Db): Promise<AuditProblem[]> {
  const rows = await db.execute(sql`
    select problem, blocks_writes from public.audit_log_problems()
    union all select problem, true from public.audit_trail_gaps() as problem
    union all select 'session_replication_role is replica, of the role or the database: no trigger fires', true
    where current_setting('session_replication_role') = 'replica'`);
  return rows.map((row) => ({ problem: String(row["problem"]), blocksWrites: row["blocks_writes"] === true }));
}
