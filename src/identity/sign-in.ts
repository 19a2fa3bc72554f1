import type { Actor } from "../database/index.ts";
import { ForbiddenError, UnauthenticatedError } from "../errors.ts";
import type { AttemptTicket, AuthenticationFactor, Repositories, UserStatus } from "../repositories/index.ts";
import { isUuid } from "../validation/index.ts";
import type { AuthenticationLog } from "./authentication-log.ts";
import type { PasswordCheck } from "./password/password-check.ts";
import { isBelowShortest } from "./password/password-rules.ts";
import { createRandomToken, sha256 } from "./random-token.ts";
import type { FactorCheck, FactorProof } from "./second-factor/factor-check.ts";
import type { SignedIn, StartSession } from "./session-start.ts";

export interface SignInInput {
  /** An email or a username. */
  readonly login: string;
  readonly password: string;
  /** The token of a device that has signed in before. */
  readonly deviceToken?: string | undefined;
}

/** The password was right, and a second factor is needed: `auth.completeSignIn`. */
export interface SignInChallenge {
  /** Names this sign-in for 5 minutes. */
  readonly challenge: string;
  /** The factors that the account can prove. */
  readonly factors: readonly Exclude<AuthenticationFactor, "password" | "operator">[];
}

const expired = "This sign-in has expired: begin again with the password.";

/** Signs players in by email or username and password, and by a second factor where the account has one. */
export function createSignIn(services: {
  readonly repositories: Pick<Repositories, "attempts" | "challenges" | "credentials" | "security" | "users">;
  readonly checkPassword: PasswordCheck;
  readonly checkFactor: FactorCheck;
  readonly startSession: StartSession;
  readonly authentications: AuthenticationLog;
}) {
  const { repositories, checkPassword, checkFactor, startSession, authentications } = services;
  const { attempts, challenges, credentials: stored, security, users } = repositories;

  /** Tells why an account cannot be signed in to, which only its owner learns. The attempt was right, so it is forgiven. */
  const admitStatus = async (by: Actor, status: UserStatus, ticket: AttemptTicket): Promise<void> => {
    if (status === "active") return;
    await attempts.forgive(by, ticket);
    authentications.record("account_inactive", by, { userId: ticket.userId, reason: status });
    throw new ForbiddenError(`This account is ${status}.`);
  };

  const refuseChallenge = (by: Actor, userId?: string): UnauthenticatedError => {
    authentications.record("challenge_refused", by, { userId });
    return new UnauthenticatedError(expired);
  };

  return {
    /**
     * Checks the password. The caller is the player, or a back end that signs the player in.
     *
     * @returns a session, or a challenge for the second factor
     * @throws {UnauthenticatedError} for every failure but the following, with one text and one duration
     * @throws {TooManyRequestsError} @throws {ForbiddenError} for an account that is suspended or banned, after the right
     *   password
     */
    signIn: async (
      input: SignInInput,
      caller: Actor,
      { signal }: { signal?: AbortSignal } = {},
    ): Promise<SignedIn | SignInChallenge> => {
      const arrived = performance.now();
      const { login, password, deviceToken = "" } = input;
      const name = login.trim();
      const credentials = await stored.findByLogin(name, sha256(deviceToken));
      const proven = await checkPassword(caller, { credentials, login: name, password, arrived, signal });
      const { ticket } = proven;
      const { userId, role, status, passwordChangedAt, twoFactorEnabled } = proven.credentials;
      await admitStatus(caller, status, ticket);
      const by = actorFor(userId, caller);
      if (isBelowShortest(password)) await security.requirePasswordChange(by, userId);
      if (twoFactorEnabled) {
        const challenge = `${userId}.${createRandomToken()}`;
        await challenges.create(sha256(challenge), ticket, passwordChangedAt);
        authentications.record("sign_in_challenged", caller, { userId });
        return { challenge, factors: ["totp", "recovery_code"] };
      }
      const signedIn = await startSession(by, {
        ticket,
        role,
        deviceToken: ticket.deviceId === undefined ? createRandomToken() : deviceToken,
        factors: ["password"],
        passwordChangedAt,
      });
      if (signedIn === undefined)
        throw new UnauthenticatedError("The account was changed at the same time: sign in again.");
      authentications.record("sign_in_completed", caller, { userId });
      return signedIn;
    },

    /**
     * Checks the second factor of a sign-in. The device gets a new token.
     *
     * @throws {UnauthenticatedError} if the challenge has expired or was completed; for every failure of the code with one
     *   text and one duration
     * @throws {ForbiddenError} for an account that is suspended or banned
     */
    completeSignIn: async (input: { challenge: string } & FactorProof, caller: Actor): Promise<SignedIn> => {
      const arrived = performance.now();
      const { challenge, ...proof } = input;
      const [userId = ""] = challenge.split(".");
      const tokenHash = sha256(challenge);
      const ticket = isUuid(userId) ? await challenges.find(userId, tokenHash) : undefined;
      const account = ticket && (await users.statusOf(userId));
      if (ticket === undefined || account === undefined || account.deleted) throw refuseChallenge(caller);
      const by = actorFor(userId, caller);
      const { factor, recoveryCodesLeft } = await checkFactor(by, userId, proof, arrived);
      await admitStatus(by, account.status, ticket);
      const signedIn = await startSession(by, {
        ticket,
        role: account.role,
        deviceToken: createRandomToken(),
        factors: ["password", factor],
        challengeHash: tokenHash,
      });
      if (signedIn === undefined) throw refuseChallenge(by, userId);
      authentications.record("sign_in_completed", by, { userId });
      return { ...signedIn, ...(recoveryCodesLeft !== undefined && { recoveryCodesLeft }) };
    },
  };
}

export type SignIn = ReturnType<typeof createSignIn>;

/** The player, unless a back end signs the player in. */
const actorFor = (userId: string, caller: Actor): Actor =>
  caller.name === "anonymous" ? { ...caller, name: `user:${userId}`, userId } : caller;
