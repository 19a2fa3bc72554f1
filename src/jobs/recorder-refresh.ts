import { sql } from "drizzle-orm";
import type { Job } from "./job.ts";

/**
 * Regenerates the audit triggers of tables whose columns changed. Until then such a table is recorded completely, but
 * more slowly.
 */
export const recorderRefresh: Job = {
  name: "recorder-refresh",
  interval: 5 * 60 * 1000,
  failureMessage: "audit triggers could not be regenerated: changes are recorded, but more slowly",
  failureLevel: () => "warn",
  async run({ tx, log }) {
    const rows = await tx.execute(sql`select public.refresh_change_recorders() as name`);
    if (rows.length > 0) log.info({ tables: rows.map((row) => row["name"]) }, "audit triggers regenerated");
  },
};
