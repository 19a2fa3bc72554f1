import { z } from "zod";
import { userSessionDefinition } from "../repositories/index.ts";
import { uuid as id } from "../validation/index.ts";
import { about, allow } from "./authorization.ts";
import { listInputWith } from "./list-input.ts";
import { t } from "./trpc.ts";

/** The caller's own, unless it is said whose. */
const userId = id.optional();

export const sessionsRouter = t.router({
  /** The session, if it lives, and whose it is; null: whoever comes with it must sign in again. */
  check: allow("service")
    .input(z.strictObject({ userId: id, sessionId: id }))
    .query(async ({ ctx, input }) => (await ctx.parts.sessions.findLive(input.userId, input.sessionId)) ?? null),

  /** An account's sessions, ended ones too, the last used first. */
  list: about("self", "moderator")
    .input(listInputWith(userSessionDefinition, { userId }))
    .query(({ ctx, input: { userId: _, where, ...options } }) =>
      ctx.parts.sessions.list({ ...options, where: { and: [{ userId: ctx.subject }, where ?? {}] } }),
    ),

  revoke: about("self", "moderator")
    .input(z.strictObject({ userId, sessionId: id }))
    .mutation(({ ctx, input }) => ctx.parts.sessions.revoke(ctx.by, ctx.subject, input.sessionId)),

  /** Ends all sessions of an account, or all but one: "sign out everywhere else". */
  revokeAll: about("self", "moderator")
    .input(z.strictObject({ userId, except: id.optional() }).prefault({}))
    .mutation(async ({ ctx, input }) => ({ revoked: await ctx.parts.sessions.revokeAll(ctx.by, ctx.subject, input) })),

  /** Deletes sessions that have expired, or were revoked a month ago. */
  cleanUp: allow("admin").mutation(({ ctx }) => ctx.parts.sessions.cleanUp(ctx.by)),
});
