import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import { accountRouter } from "./account.ts";
import { auditRouter } from "./audit.ts";
import { authRouter } from "./auth.ts";
import { healthRouter } from "./health.ts";
import { securityRouter } from "./security.ts";
import { sessionsRouter } from "./sessions.ts";
import { t } from "./trpc.ts";
import { usersRouter } from "./users.ts";

/**
 * The routers by name. A named type keeps the doc comments of procedures in the packed client's declarations: the
 * compiler drops them where it writes out the type of a constant of another file.
 */
type Routers = {
  account: typeof accountRouter;
  audit: typeof auditRouter;
  auth: typeof authRouter;
  health: typeof healthRouter;
  security: typeof securityRouter;
  sessions: typeof sessionsRouter;
  users: typeof usersRouter;
};

/** Every procedure of the service. */
export const appRouter = t.router<Routers>({
  account: accountRouter,
  audit: auditRouter,
  auth: authRouter,
  health: healthRouter,
  security: securityRouter,
  sessions: sessionsRouter,
  users: usersRouter,
});

export type AppRouter = typeof appRouter;

/** The input of each procedure: `Inputs["users"]["list"]`, without the undefined of an optional input. */
export type Inputs = WithoutUndefined<inferRouterInputs<AppRouter>>;
/** The answer of each procedure: `Outputs["users"]["list"]`. */
export type Outputs = inferRouterOutputs<AppRouter>;

type WithoutUndefined<RouterInputs> = {
  [Router in keyof RouterInputs]: {
    [Procedure in keyof RouterInputs[Router]]: Given<RouterInputs[Router][Procedure]>;
  };
};

/** Every input is an object, or the procedure has none. */
type Given<Input> = [Extract<Input, object>] extends [never] ? Input : Extract<Input, object>;
