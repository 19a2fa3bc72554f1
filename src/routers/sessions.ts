import { z } from "zod";
import { userSessionDefinition } from "../repositories/index.ts";
import { uuid } from "../validation/index.ts";
import { listInputWith } from "./list-input.ts";
import { ownedProcedureFor, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

/** Without it: the caller's own account. */
const userId = uuid.optional();

export const sessionsRouter = t.router({
  /** The session with its account's name and role; null if the session has ended or its account is not active. */
  check: procedureFor("service")
    .input(z.strictObject({ userId: uuid, sessionId: uuid }))
    .query(async ({ ctx, input }) => (await ctx.services.sessions.findLive(input.userId, input.sessionId)) ?? null),

  /** An account's sessions, ended ones included, the last used first. */
  list: ownedProcedureFor("owner", "moderator")
    .input(listInputWith(userSessionDefinition, { userId }))
    .query(({ ctx, input: { userId: _, where, ...options } }) =>
      ctx.services.sessions.list({ ...options, where: { and: [{ userId: ctx.ownerId }, where ?? {}] } }),
    ),

  /** Ends one session of an account. */
  revoke: ownedProcedureFor("owner", "moderator")
    .input(z.strictObject({ userId, sessionId: uuid }))
    .mutation(({ ctx, input }) => ctx.services.sessions.revoke(ctx.actor, ctx.ownerId, input.sessionId)),

  /** Ends all sessions of an account, or all but the session `except`. */
  revokeAll: ownedProcedureFor("owner", "moderator")
    .input(z.strictObject({ userId, except: uuid.optional() }).prefault({}))
    .mutation(async ({ ctx, input }) => ({
      revoked: await ctx.services.sessions.revokeAll(ctx.actor, ctx.ownerId, input),
    })),

  /** Deletes sessions that have expired, and those that were revoked more than a month ago. */
  cleanUp: procedureFor("admin").mutation(({ ctx }) => ctx.services.sessions.cleanUp(ctx.actor)),
});
