import { z } from "zod";
import type { Actor } from "../database/index.ts";
import { InvalidInputError, UnauthenticatedError } from "../errors.ts";
import type { OwnSession } from "../identity/index.ts";
import { ipAddress } from "../validation/index.ts";
import { originOf } from "./audit-actor.ts";
import type { AuthorizedCaller } from "./authorization.ts";
import type { Services } from "./context.ts";
import { factorProofShape, hasOneProof, oneProof } from "./factor-proof.ts";
import { credentialProcedureFor, ownProcedure, procedureFor } from "./procedure.ts";
import { cookiesInput, deliver } from "./session-cookies.ts";
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
  cookies: cookiesInput,
});

const completeInput = z
  .strictObject({ challenge: token, ...factorProofShape, ipAddress: ipAddress.optional(), cookies: cookiesInput })
  .refine(hasOneProof, oneProof);

const refreshInput = z
  .strictObject({ refreshToken: token.optional(), cookies: cookiesInput })
  .refine((input) => (input.refreshToken === undefined) !== (input.cookies === undefined), {
    error: "must have one of refreshToken and cookies",
  });

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

const signOutInput = z.strictObject({
  scope: z.enum(["this", "others", "all"], "must be this, others or all"),
  cookies: cookiesInput,
});

const isOtherSession = (input: unknown) => (input as { scope?: unknown } | undefined)?.scope !== "this";

const beforeFull = ["password_change", "enrolment"] as const;

export const authRouter = t.router({
  /**
   * Signs in by email or username and password. UNAUTHORIZED has one text and one duration for every failure. A back end
   * that signs a player in passes the player's address. A page asks for `cookies`.
   */
  signIn: credentialProcedureFor("anonymous")
    .input(signInInput)
    .mutation(async ({ ctx, input: { ipAddress, ...input } }) => {
      const cookies = input.cookies && ctx.cookies();
      const { login, password, deviceToken = cookies?.deviceToken } = input;
      const signal = ctx.disconnection();
      const by = withAddress(ctx, ipAddress);
      const answer = await ctx.services.identity.signIn({ login, password, deviceToken }, by, { signal });
      return "challenge" in answer ? answer : deliver(answer, cookies);
    }),

  /** Completes a sign-in by a one-time code of the authenticator, or by a recovery code in its place. */
  completeSignIn: credentialProcedureFor("anonymous")
    .input(completeInput)
    .mutation(async ({ ctx, input: { ipAddress, cookies: asked, ...input } }) => {
      const cookies = asked && ctx.cookies();
      return deliver(await ctx.services.identity.completeSignIn(input, withAddress(ctx, ipAddress)), cookies);
    }),

  /**
   * Exchanges a refresh token for new tokens. The previous token gives the same tokens' successor again until that is used;
   * an older one ends the session. UNAUTHORIZED means that the session has ended; nothing else clears its cookie.
   */
  refresh: procedureFor("anonymous")
    .input(refreshInput)
    .mutation(async ({ ctx, input }) => {
      const cookies = input.cookies && ctx.cookies();
      const refreshToken = input.refreshToken ?? cookies?.refreshToken;
      if (refreshToken === undefined) throw new UnauthenticatedError("There is no cookie of a session: sign in.");
      try {
        return deliver(await ctx.services.identity.refresh(refreshToken, originOf(ctx)), cookies);
      } catch (error) {
        if (error instanceof UnauthenticatedError) cookies?.clearRefreshToken();
        throw error;
      }
    }),

  /** Ends this session, all others of the account, or all. More than this session requires a recent authentication. */
  signOut: ownProcedure({
    stages: beforeFull,
    recent: { when: "unless `scope` is `this`", applies: isOtherSession },
  })
    .input(signOutInput)
    .mutation(async ({ ctx, input: { scope, cookies: asked } }) => {
      const cookies = asked && ctx.cookies();
      const ended = await endSessions(ctx, scope);
      if (scope !== "others") cookies?.clearRefreshToken();
      return { ended };
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

/** Ends sessions of the caller's account. Returns their number. */
async function endSessions(
  { services, actor, session }: { services: Services; actor: Actor; session: OwnSession },
  scope: z.infer<typeof signOutInput>["scope"],
): Promise<number> {
  const { userId, sessionId } = session;
  if (scope === "this") {
    await services.sessions.revoke(actor, userId, sessionId, "signed_out");
    return 1;
  }
  const except = scope === "others" ? sessionId : undefined;
  return services.sessions.revokeAll(actor, userId, { except, reason: "signed_out" });
}

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
