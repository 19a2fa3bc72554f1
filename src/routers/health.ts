import { procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

export const healthRouter = t.router({
  /** Whether the service is ready to answer, and whether it reaches the database. */
  status: procedureFor("anonymous").query(async ({ ctx }) => {
    const { ready, database } = await ctx.services.readiness();
    return { ready, database, time: new Date() };
  }),

  /**
   * State of the process: `uptime` in seconds, `memory` in bytes, slow queries without their values, in ms, and the
   * number of each event of authentication since the start of the process.
   */
  details: procedureFor("admin", "service").query(async ({ ctx }) => {
    const { authentications, database, readiness, version } = ctx.services;
    return {
      ...(await readiness()),
      version,
      node: process.version,
      uptime: Math.round(process.uptime()),
      memory: process.memoryUsage().rss,
      queries: database.report(),
      authentications: authentications.counts(),
    };
  }),
});
