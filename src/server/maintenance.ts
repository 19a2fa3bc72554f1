import { setInterval as every } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { codeOf, isUnavailable, type Patience, retry } from "../database/retry.ts";
import type { Db } from "../database/transaction.ts";
import type { Log } from "../log.ts";

/** How often the housekeeping runs (ms). */
const interval = 6 * 60 * 60 * 1000;

/** Whoever writes users at this moment will have finished soon. */
const patience: Patience = { retries: 10, minTimeout: 100, maxTimeout: 5_000 };

/**
 * Keeps the months ahead of the audit trail there: without a partition for today no change could be
 * recorded, and so none could be made. Runs at once and then every six hours; several services may
 * run it at the same time.
 */
export function startMaintenance(db: Db, log: Log): { stop: () => void } {
  const stopping = new AbortController();
  const run = async () => {
    try {
      const made = await retry(() => makePartitions(db), {
        ...patience,
        again: isUnavailable,
        signal: stopping.signal,
      });
      if (made.length > 0) log.info({ partitions: made.map((row) => row["name"]) }, "audit partitions made");
    } catch (err) {
      // No such function: the migration that makes it, and the first partitions, is pending.
      if (codeOf(err) === "42883") log.debug("audit partitions wait for the migrations");
      else if (!stopping.signal.aborted) log.error({ err }, "audit partitions could not be made; trying again later");
    }
  };
  const runs = async () => {
    await run();
    for await (const _ of every(interval, undefined, { ref: false, signal: stopping.signal })) await run();
  };
  // Ends, by rejection, when it is stopped.
  runs().catch(() => {});
  return { stop: () => stopping.abort() };
}

/**
 * Attaching a partition locks `users`, which the trail refers to, against writers. So it waits for that
 * lock for a moment only: everybody who came later would wait behind it.
 */
function makePartitions(db: Db) {
  return db.transaction(async (tx) => {
    await tx.execute(sql`set local lock_timeout = '100ms'`);
    return tx.execute(sql`select create_audit_log_partitions() as name`);
  });
}
