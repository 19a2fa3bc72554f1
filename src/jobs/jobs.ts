import type { Db } from "../database/index.ts";
import type { Log } from "../observability/index.ts";
import { auditTrailCheck } from "./audit-trail-check.ts";
import { expiredRows } from "./expired-rows.ts";
import { leafPartitionCreation } from "./leaf-partition-creation.ts";
import { partitionCreation } from "./partition-creation.ts";
import { recorderRefresh } from "./recorder-refresh.ts";
import { startScheduler } from "./scheduler.ts";

/**
 * Starts the periodic work of the service. Any number of services may run it on one database.
 *
 * @param options.auditMonthsAhead months after the current one for which the audit trail has partitions
 * @returns `stop`, which starts no further run
 */
export function startJobs({ auditMonthsAhead, ...options }: { db: Db; log: Log; auditMonthsAhead: number }) {
  const repairs = [partitionCreation(auditMonthsAhead), leafPartitionCreation, recorderRefresh];
  return startScheduler([...repairs, auditTrailCheck(repairs), expiredRows], options);
}
