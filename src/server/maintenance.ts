import { setInterval as every } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Db } from "../database/transaction.ts";
import type { Log } from "../log.ts";

/** How often the housekeeping runs (ms). */
const interval = 6 * 60 * 60 * 1000;

/**
 * Keeps the months ahead of the audit trail there: without a partition for today no change could be
 * recorded, and so none could be made. Runs at once and then every six hours; several services may
 * run it at the same time.
 */
export function startMaintenance(db: Db, log: Log): { stop: () => void } {
  const stopping = new AbortController();
  const run = async () => {
    try {
      const made = await db.execute(sql`select create_audit_log_partitions() as name`);
      if (made.length > 0) log.info({ partitions: made.map((row) => row["name"]) }, "audit partitions made");
    } catch (err) {
      if (!stopping.signal.aborted) log.error({ err }, "audit partitions could not be made; trying again later");
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
