import { z } from "zod";
import { InvalidInputError } from "../errors.ts";
import { ipAddress } from "../validation/index.ts";
import { originOf } from "./audit-actor.ts";
import { credentialProcedureFor, ownProcedure, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

/** Characters of a token. Those of this service have fewer than 600. */
const token = z.string("must be a text").max(2_000, "must be at most 2,000 characters");

/** A password that is compared. Its length is no error of the input: a wrong password is always refused alike. */
const presentPassword = z.string("must be a text");

const signInInput = z.strictObject({
  login: z.string("must be an email or a username"),
  password: presentPassword,
  deviceToken: token.optional(),
  ipAddress: ipAddress.optional(),
});

const changePasswordInput = z.strictObject({
  currentPassword: presentPassword,
  newPassword: z.string("must be a text"),
  signOutOthers: z.boolean("must be true or false").default(true),
});

const isOtherSession = (input: unknown) => (input as { scope?: unknown } | undefined)?.scope !== "this";

const beforeFull = ["password_change", "enrolment"] as const;

export const authRouter = t.router({
  /**
   * Signs in by email or username and password. UNAUTHORIZED has one text and one duration for every failure. A back end
   * that signs a player in passes the player's address.
   */
  signIn: credentialProcedureFor("anonymous")
    .input(signInInput)
    .mutation(({ ctx, input: { ipAddress, ...input } }) => {
      if (ipAddress !== undefined && ctx.caller.kind !== "service")
        throw new InvalidInputError("ipAddress: only a back end passes the address of a player.", {
          field: "ipAddress",
        });
      return ctx.services.identity.signIn(input, ipAddress === undefined ? ctx.actor : { ...ctx.actor, ipAddress });
    }),

  /**
   * Exchanges a refresh token for new tokens. The previous token gives the same tokens' successor again until that is used;
   * an older one ends the session. UNAUTHORIZED means that the session has ended.
   */
  refresh: procedureFor("anonymous")
    .input(z.strictObject({ refreshToken: token }))
    .mutation(({ ctx, input }) => ctx.services.identity.refresh(input.refreshToken, originOf(ctx))),

  /** Ends this session, all others of the account, or all. More than this session requires a recent authentication. */
  signOut: ownProcedure({
    stages: beforeFull,
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

  /** Proves the password again, which sensitive procedures require within the last 10 minutes. */
  reauthenticate: ownProcedure({ stages: beforeFull, isCredential: true })
    .input(z.strictObject({ password: presentPassword }))
    .mutation(async ({ ctx: { caller, actor, services }, input }) => {
      await services.identity.ownPassword.reauthenticate(actor, ownSession(caller), input.password);
    }),

  /** Replaces the password of the account, and ends its other sessions unless `signOutOthers` is false. */
  changePassword: ownProcedure({ stages: beforeFull, isCredential: true })
    .input(changePasswordInput)
    .mutation(async ({ ctx: { caller, actor, services }, input }) => ({
      ended: await services.identity.ownPassword.change(actor, ownSession(caller), input),
    })),
});

const ownSession = ({ id: userId, sessionId }: { id: string; sessionId: string }) => ({ userId, sessionId });
