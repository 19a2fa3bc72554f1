import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import { healthRouter } from "./health.ts";
import { t } from "./trpc.ts";
import { usersRouter } from "./users.ts";

/** Every procedure of the service. */
export const appRouter = t.router({
  health: healthRouter,
  users: usersRouter,
});

export type AppRouter = typeof appRouter;
export type Inputs = inferRouterInputs<AppRouter>;
export type Outputs = inferRouterOutputs<AppRouter>;
