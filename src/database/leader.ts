import { sql } from "drizzle-orm";
import { advisoryLocks, tryAdvisoryLock } from "./advisory-locks.ts";
import type { Db, Executor } from "./executor.ts";

/**
 * Runs `work` in a transaction that holds the job's advisory lock, so that one process at a time is the job's leader. The
 * lock is released with the transaction, also when the process is killed.
 *
 * @returns whether it ran; false when another process is the leader now
 */
export function runAsLeader(db: Db, job: string, work: (tx: Executor) => Promise<void>): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute(sql`select ${tryAdvisoryLock(advisoryLocks.job(job))} as acquired`);
    if (row?.["acquired"] !== true) return false;
    await work(tx);
    return true;
  });
}
