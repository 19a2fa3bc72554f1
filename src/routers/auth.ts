import { z } from "zod";
import type { Actor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { ipAddress } from "../validation/index.ts";
import { originOf } from "./audit-actor.ts";
import type { AuthorizedCaller } from "./authorization.ts";
import { factorProofShape, hasOneProof, oneProof } from "./factor-proof.ts";
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

const completeInput = z
  .strictObject({ challenge: token, ...factorProofShape, ipAddress: ipAddress.optional() })
  .refine(hasOneProof, oneProof);

const reauthenticateInput = z
  .strictObject({ password: presentPassword.optional(), ...factorProofShape })
  .refine((input) => Object.values(input).filter((value) => value !== undefined).length === 1, {
    error: "must have one of password, code and recoveryCode",
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
    .mutation(({ ctx, input: { ipAddress, ...input } }) =>
      ctx.services.identity.signIn(input, withAddress(ctx, ipAddress), { signal: ctx.disconnection() }),
    ),

  /** Completes a sign-in by a one-time code of the authenticator, or by a recovery code in its place. */
  completeSignIn: credentialProcedureFor("anonymous")
    .input(completeInput)
    .mutation(({ ctx, input: { ipAddress, ...input } }) =>
      ctx.services.identity.completeSignIn(input, withAddress(ctx, ipAddress)),
    ),

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
    .mutation(async ({ ctx: { session, actor, services }, input: { scope } }) => {
      const { userId, sessionId } = session;
      if (scope === "this") {
        await services.sessions.revoke(actor, userId, sessionId, "signed_out");
        return { ended: 1 };
      }
      const except = scope === "others" ? sessionId : undefined;
      return { ended: await services.sessions.revokeAll(actor, userId, { except, reason: "signed_out" }) };
    }),

  /**
   * Proves the password or the second factor again. Sensitive procedures require that within the last 10 minutes. A second
   * factor also raises a session of stage `enrolment`.
   */
  reauthenticate: ownProcedure({ stages: beforeFull, isCredential: true })
    .input(reauthenticateInput)
    .mutation(async ({ ctx: { session, actor, services }, input: { password, ...proof } }) => {
      const { ownPassword, ownFactor } = services.identity;
      if (password === undefined) await ownFactor.reauthenticate(actor, session, proof);
      else await ownPassword.reauthenticate(actor, session, password);
    }),

  /** Replaces the password of the account, and ends its other sessions unless `signOutOthers` is false. */
  changePassword: ownProcedure({ stages: beforeFull, isCredential: true })
    .input(changePasswordInput)
    .mutation(async ({ ctx: { session, actor, services }, input }) => ({
      ended: await services.identity.ownPassword.change(actor, session, input),
    })),
});

/**
 * The actor of a sign-in. Only a back end is believed what address a player has; without one no limit of an address
 * applies, because all players of the back end would share its own.
 */
function withAddress(
  { caller, actor }: { caller: AuthorizedCaller; actor: Actor },
  ipAddress: string | undefined,
): Actor {
  if (caller.kind === "service") return { ...actor, ipAddress };
  if (ipAddress === undefined) return actor;
  throw new InvalidInputError("ipAddress: only a back end passes the address of a player.", { field: "ipAddress" });
}
