import { checkReadiness } from "../migrator/index.ts";
import { allow } from "./authorization.ts";
import { t } from "./trpc.ts";

export const healthRouter = t.router({
  /** Whether the service can do its work now. */
  status: allow("anonymous").query(async ({ ctx }) => {
    const { ready, database } = await checkReadiness(ctx.parts.database);
    return { ready, database, time: new Date() };
  }),

  /** What an operator wants to see. Times in ms, `uptime` in s; texts of queries without their values. */
  details: allow("admin", "service").query(async ({ ctx }) => {
    const { database, version } = ctx.parts;
    return {
      ...(await checkReadiness(database)),
      version,
      node: process.version,
      uptime: Math.round(process.uptime()),
      memory: process.memoryUsage().rss,
      queries: database.report(),
    };
  }),
});
