import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { type Db, type Executor, runAsLeader } from "../database/index.ts";
import { sequenceRows } from "./sequencer.ts";

/** The job whose lock a process holds while it signs. */
export const checkpointJob = "audit-checkpoint";

/** Time between two tries (ms). */
const pollInterval = 100;

/** Runs `work` in a transaction that holds the lock of checkpoints, for which it waits. */
export async function asCheckpointWriter<T>(
  db: Db,
  work: (tx: Executor) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    const results: T[] = [];
    await runAsLeader(db, checkpointJob, async (tx) => {
      results.push(await work(tx));
    });
    if (results.length > 0) return results[0] as T;
    await pause(pollInterval, undefined, { signal });
  }
}

/** Waits until each row of an action has its index. */
export async function sequenceAction(db: Db, action: string, signal: AbortSignal | undefined): Promise<void> {
  while (await isWaiting(db, action)) {
    await sequenceRows(db);
    await pause(pollInterval, undefined, { signal });
  }
}

/** Whether a row of an action has no index yet. */
export async function isWaiting(db: Executor, action: string): Promise<boolean> {
  const [row] = await db.execute(sql`
    select exists (
      select from public.audit_log as entry where action = ${action}
        and not exists (select from public.audit_leaves as leaf where (leaf.id, leaf.created_at) = (entry.id, entry.created_at))
    ) as waiting`);
  return row?.["waiting"] === true;
}
