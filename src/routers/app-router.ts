import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import { auditRouter } from "./audit.ts";
import { healthRouter } from "./health.ts";
import { securityRouter } from "./security.ts";
import { sessionsRouter } from "./sessions.ts";
import { t } from "./trpc.ts";
import { usersRouter } from "./users.ts";

/** Every procedure of the service. */
export const appRouter = t.router({
  audit: auditRouter,
  health: healthRouter,
  security: securityRouter,
  sessions: sessionsRouter,
  users: usersRouter,
});

export type AppRouter = typeof appRouter;
export type Inputs = inferRouterInputs<AppRouter>;
export type Outputs = inferRouterOutputs<AppRouter>;
