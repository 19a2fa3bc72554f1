import { v7 as uuidv7 } from "uuid";
import type { SessionConfig } from "../config/index.ts";
import { type Actor, type Db, inTransaction } from "../database/index.ts";
import { ForbiddenError, UnauthenticatedError } from "../errors.ts";
import type { AuthenticationFactor, Repositories } from "../repositories/index.ts";
import type { PasswordCheck, ProvenAttempt } from "./password/password-check.ts";
import { createRandomToken, sha256 } from "./random-token.ts";
import { type IssueTokens, type SessionTokens, sessionLifetimeOf } from "./session-tokens.ts";

export interface SignInInput {
  /** An email or a username. */
  readonly login: string;
  readonly password: string;
  /** The token of a device that has signed in before. */
  readonly deviceToken?: string | undefined;
}

/** The tokens of a new session, and the token by which the device is known from now on. */
export interface SignedIn extends SessionTokens {
  readonly deviceToken: string;
}

/** Signs players in by email or username and password. */
export function createSignIn(services: {
  readonly db: Db;
  readonly repositories: Pick<Repositories, "attempts" | "credentials" | "sessions">;
  readonly checkPassword: PasswordCheck;
  readonly issueTokens: IssueTokens;
  readonly config: SessionConfig;
}) {
  const { db, repositories, checkPassword, issueTokens, config } = services;
  const { attempts, credentials: stored, sessions } = repositories;

  /** Starts the session and forgives the attempt, both or neither. */
  const start = async (
    by: Actor,
    { credentials, ticket }: ProvenAttempt,
    { factors, deviceToken }: { factors: readonly AuthenticationFactor[]; deviceToken: string },
  ): Promise<SignedIn> => {
    const { userId, role, deviceId } = credentials;
    const session = await inTransaction(db, async (tx) => {
      const started = await sessions.withTransaction(tx).start(by, {
        userId,
        factors,
        ...sessionLifetimeOf(role, config),
        limit: config.limit,
        ipAddress: by.ipAddress,
        userAgent: by.userAgent,
        failures: ticket.failures,
        device: { id: deviceId ?? uuidv7(), tokenHash: sha256(deviceToken) },
      });
      if (started !== undefined) await attempts.withTransaction(tx).forgive(by, ticket);
      return started;
    });
    if (session === undefined)
      throw new UnauthenticatedError("The account was changed at the same time: sign in again.");
    return { ...(await issueTokens(session)), deviceToken };
  };

  /**
   * @param caller the service that signs a player in, if it is one
   * @throws {UnauthenticatedError} for every failure but the following, with one text and one duration
   * @throws {TooManyRequestsError} @throws {ForbiddenError} for an account that is suspended or banned, after the right
   *   password
   */
  return async (input: SignInInput, caller: Actor): Promise<SignedIn> => {
    const arrived = performance.now();
    const { login, password, deviceToken = "" } = input;
    const name = login.trim();
    const credentials = await stored.findByLogin(name, sha256(deviceToken));
    const proven = await checkPassword(caller, { credentials, login: name, password, arrived });
    const { userId, status, twoFactorEnabled, deviceId } = proven.credentials;
    if (status !== "active") {
      await attempts.forgive(caller, proven.ticket);
      throw new ForbiddenError(`This account is ${status}.`);
    }
    if (twoFactorEnabled)
      throw new ForbiddenError("This account has a second factor, which this version of the service does not check.");
    const by = caller.name === "anonymous" ? { ...caller, name: `user:${userId}`, userId } : caller;
    const token = deviceId === null ? createRandomToken() : deviceToken;
    return start(by, proven, { factors: ["password"], deviceToken: token });
  };
}

export type SignIn = ReturnType<typeof createSignIn>;
