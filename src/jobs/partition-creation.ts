import { createAuditPartitions, prepareAuditPartitions, readAuditRunway } from "../database/index.ts";
import type { Job } from "./job.ts";

/**
 * Creates the partitions of the audit trail months in advance. A run creates one month and the next run follows at once,
 * because writers of accounts wait while a month is taken off the last partition.
 *
 * @param monthsAhead the months after the current one
 */
export function partitionCreation(monthsAhead: number): Job {
  // A set, because a run is repeated after a conflict.
  const created = new Set<string>();
  const job: Job = {
    name: "partition-creation",
    // A run that a reader of accounts has kept from making months is repeated before the day is over.
    interval: 60 * 60 * 1000,
    failureMessage: "partitions of the audit trail could not be created; the next run tries again",
    async run({ tx, log, runNext }) {
      if (await prepareAuditPartitions(tx)) {
        runNext([job]);
        return;
      }
      const before = await readAuditRunway(tx);
      const next = Math.max(before.monthsAhead + 1, 0);
      for (const name of await createAuditPartitions(tx, Math.min(next, monthsAhead))) created.add(name);
      // While the last partition is in use, no month is taken off it: the next interval is the next try.
      const after = await readAuditRunway(tx);
      if (after.monthsAhead > before.monthsAhead && after.monthsAhead < monthsAhead) {
        runNext([job]);
        return;
      }
      if (created.size > 0) log.info({ partitions: [...created] }, "partitions of the audit trail created");
      created.clear();
    },
  };
  return job;
}
