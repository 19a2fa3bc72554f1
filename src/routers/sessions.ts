import { z } from "zod";
import { UnauthenticatedError } from "../errors.ts";
import { userSessionDefinition } from "../repositories/index.ts";
import { uuid } from "../validation/index.ts";
import type { RecentAuthenticationRule } from "./access-rules.ts";
import type { Services } from "./context.ts";
import { deviceName } from "./device-name.ts";
import { listInputWith } from "./list-input.ts";
import { ownedProcedure, ownedProcedureFor, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";
import { answered } from "./written-answers.ts";

/** Without it: the caller's own account. */
const userId = uuid.optional();

const byIds = z.strictObject({ userId: uuid, sessionId: uuid });
const byToken = z.strictObject({ accessToken: z.string("must be a text").max(2_000, "is too long for a token") });
/** Written out, because the packed client has no zod. */
type CheckInput = { userId: string; sessionId: string } | { accessToken: string };

/** One of the two forms. A z.union would report only that neither matches. */
const checkInput: z.ZodType<CheckInput, CheckInput> = z.unknown().transform((input, context) => {
  const hasToken = typeof input === "object" && input !== null && "accessToken" in input;
  const parsed = hasToken ? byToken.safeParse(input) : byIds.safeParse(input);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue, input: undefined } as never);
  return z.NEVER;
}) as never;

const otherSession: RecentAuthenticationRule = {
  when: "unless it is this session",
  applies: (input, sessionId) => (input as { sessionId?: unknown } | undefined)?.sessionId !== sessionId,
};

/** The session that a user's access token names; undefined for a token that is not valid, or not a user's. */
async function sessionOf({ identity }: Services, token: string) {
  const caller = await identity.accessTokens.verify(token).catch((error: unknown) => {
    if (error instanceof UnauthenticatedError) return undefined;
    throw error;
  });
  return caller?.kind === "user" ? { userId: caller.id, sessionId: caller.sessionId } : undefined;
}

export const sessionsRouter = t.router({
  /**
   * The session with its account's name and role; null if the session has ended or its account is not active. A game
   * server that holds a player's access token passes that in place of the two ids.
   */
  check: procedureFor("service")
    .input(checkInput)
    .query(async ({ ctx, input }) => {
      const named = "accessToken" in input ? await sessionOf(ctx.services, input.accessToken) : input;
      const session = named && (await ctx.services.sessions.findLive(named.userId, named.sessionId));
      return session === undefined ? null : answered(session, ctx);
    }),

  /** An account's sessions, ended ones included, the last used first, with a description of their devices. */
  list: ownedProcedureFor("owner", "moderator")
    .input(listInputWith(userSessionDefinition, { userId }))
    .query(async ({ ctx: { services, ownerId, caller }, input: { userId: _, where, ...options } }) => {
      const page = await services.sessions.list({ ...options, where: { and: [{ userId: ownerId }, where ?? {}] } });
      const items = page.items.map((session) => ({
        ...session,
        description: deviceName(session.userAgent),
        /** Whether the caller's token is of this session. */
        isThis: caller.kind === "user" && session.id === caller.sessionId,
      }));
      return { ...page, items };
    }),

  /** Ends one session of an account. Of the own account, another session than this requires a recent authentication. */
  revoke: ownedProcedure({ rules: ["owner", "moderator"], recent: otherSession })
    .input(z.strictObject({ userId, sessionId: uuid }))
    .mutation(({ ctx, input }) => ctx.services.sessions.revoke(ctx.actor, ctx.ownerId, input.sessionId)),

  /** Ends all sessions of an account, or all but the session `except`. Of the own, it requires a recent authentication. */
  revokeAll: ownedProcedure({ rules: ["owner", "moderator"], recent: "always" })
    .input(z.strictObject({ userId, except: uuid.optional() }).prefault({}))
    .mutation(async ({ ctx, input }) => ({
      revoked: await ctx.services.sessions.revokeAll(ctx.actor, ctx.ownerId, input),
    })),

  /** Deletes sessions that have expired, and those that were revoked more than a month ago. */
  cleanUp: procedureFor("admin").mutation(({ ctx }) => ctx.services.sessions.cleanUp(ctx.actor)),
});
