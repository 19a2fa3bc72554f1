import type { Db } from "../database/index.ts";
import type { Log } from "../observability/index.ts";
import { auditTrailCheck } from "./audit-trail-check.ts";
import { expiredRows } from "./expired-rows.ts";
import { partitionCreation } from "./partition-creation.ts";
import { recorderRefresh } from "./recorder-refresh.ts";
import { startScheduler } from "./scheduler.ts";

const repairs = [partitionCreation, recorderRefresh];

/**
 * Starts the periodic work of the service. Any number of services may run it on one database.
 *
 * @returns `stop`, which starts no further run
 */
export const startJobs = (options: { db: Db; log: Log }): { stop: () => void } =>
  startScheduler([...repairs, auditTrailCheck(repairs), expiredRows], options);
