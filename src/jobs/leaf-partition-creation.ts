import { sql } from "drizzle-orm";
import type { Job } from "./job.ts";

/** Gives the log of the audit trail the partitions that the trail has. Leaves have a place until then, in the last one. */
export const leafPartitionCreation: Job = {
  name: "leaf-partition-creation",
  interval: 60 * 60 * 1000,
  failureMessage: "partitions of audit_leaves could not be created; the next run tries again",
  failureLevel: () => "warn",
  async run({ tx, log }) {
    const rows = await tx.execute(sql`select public.create_audit_leaves_partitions() as name`);
    if (rows.length > 0) log.debug({ partitions: rows.map(({ name }) => name) }, "partitions of audit_leaves created");
  },
};
