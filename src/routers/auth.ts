import { z } from "zod";
import { originOf } from "./audit-actor.ts";
import { ownProcedure, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

/** Characters of a token. Those of this service have fewer than 600. */
const token = z.string("must be a text").max(2_000, "must be at most 2,000 characters");

const isOtherSession = (input: unknown) => (input as { scope?: unknown } | undefined)?.scope !== "this";

export const authRouter = t.router({
  /**
   * Exchanges a refresh token for new tokens. The previous token gives the same tokens' successor again until that is used;
   * an older one ends the session. UNAUTHORIZED means that the session has ended.
   */
  refresh: procedureFor("anonymous")
    .input(z.strictObject({ refreshToken: token }))
    .mutation(({ ctx, input }) => ctx.services.refresh(input.refreshToken, originOf(ctx))),

  /** Ends this session, all others of the account, or all. More than this session requires a recent authentication. */
  signOut: ownProcedure({
    stages: ["password_change", "enrolment"],
    recent: { when: "unless `scope` is `this`", applies: isOtherSession },
  })
    .input(z.strictObject({ scope: z.enum(["this", "others", "all"], "must be this, others or all") }))
    .mutation(async ({ ctx: { caller, actor, services }, input: { scope } }) => {
      const except = scope === "others" ? caller.sessionId : undefined;
      if (scope === "this") await services.sessions.revoke(actor, caller.id, caller.sessionId, "signed_out");
      const ended =
        scope === "this" ? 1 : await services.sessions.revokeAll(actor, caller.id, { except, reason: "signed_out" });
      return { ended };
    }),
});
