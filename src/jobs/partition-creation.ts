import { createAuditPartitions } from "../database/index.ts";
import type { Job } from "./job.ts";

/** Creates the partitions of the audit trail months in advance. */
export const partitionCreation: Job = {
  name: "partition-creation",
  interval: 6 * 60 * 60 * 1000,
  failureMessage: "partitions of the audit trail could not be created; the next run tries again",
  async run({ tx, log }) {
    const partitions = await createAuditPartitions(tx);
    if (partitions.length > 0) log.info({ partitions }, "partitions of the audit trail created");
  },
};
