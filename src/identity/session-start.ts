import { v7 as uuidv7 } from "uuid";
import type { SessionConfig } from "../config/index.ts";
import { type Actor, type Executor, inTransaction } from "../database/index.ts";
import { UnauthenticatedError } from "../errors.ts";
import type { AttemptTicket, AuthenticationFactor, Repositories, UserRole } from "../repositories/index.ts";
import { sha256 } from "./random-token.ts";
import { type IssueTokens, type SessionTokens, sessionLifetimeOf } from "./session-tokens.ts";

/** The tokens of a new session, and the token by which the device is known from now on. */
export interface SignedIn extends SessionTokens {
  readonly deviceToken: string;
  /** The number of recovery codes that are left, if one was taken. */
  readonly recoveryCodesLeft?: number;
}

/** A sign-in whose factors are proven. */
export interface ProvenSignIn {
  readonly ticket: AttemptTicket;
  readonly role: UserRole;
  /** The token of the known device of the ticket, or of a new device. */
  readonly deviceToken: string;
  readonly factors: readonly AuthenticationFactor[];
}

/**
 * Starts the session of a sign-in, remembers its device and forgives its attempt: all or nothing.
 *
 * @throws {UnauthenticatedError} if the account was suspended, banned or deleted at the same time
 */
export type StartSession = (db: Executor, by: Actor, signIn: ProvenSignIn) => Promise<SignedIn>;

export function createStartSession(services: {
  readonly repositories: Pick<Repositories, "attempts" | "sessions">;
  readonly issueTokens: IssueTokens;
  readonly config: SessionConfig;
}): StartSession {
  const { repositories, issueTokens, config } = services;
  const { attempts, sessions } = repositories;

  return (db, by, { ticket, role, deviceToken, factors }) =>
    inTransaction(db, async (tx) => {
      const session = await sessions.withTransaction(tx).start(by, {
        userId: ticket.userId,
        factors,
        ...sessionLifetimeOf(role, config),
        limit: config.limit,
        ipAddress: by.ipAddress,
        userAgent: by.userAgent,
        failures: ticket.failures,
        device: { id: ticket.deviceId ?? uuidv7(), tokenHash: sha256(deviceToken) },
      });
      if (session === undefined)
        throw new UnauthenticatedError("The account was changed at the same time: sign in again.");
      await attempts.withTransaction(tx).forgive(by, ticket);
      return { ...(await issueTokens(session)), deviceToken };
    });
}
