import { v7 as uuidv7 } from "uuid";
import type { SessionConfig } from "../config/index.ts";
import type { Actor } from "../database/index.ts";
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
  /** When the password that was checked had been changed; without a challenge. */
  readonly passwordChangedAt?: string;
  /** SHA-256 of the challenge that it completes (hexadecimal). */
  readonly challengeHash?: string | undefined;
}

/**
 * Starts the session of a sign-in, remembers its device, forgives its attempt and ends its challenge: all or nothing.
 *
 * @returns undefined if the account was suspended, banned or deleted at the same time, its password was changed or a second
 *   factor bound, or the challenge was completed
 */
export type StartSession = (by: Actor, signIn: ProvenSignIn) => Promise<SignedIn | undefined>;

export function createStartSession(services: {
  readonly sessions: Repositories["sessions"];
  readonly issueTokens: IssueTokens;
  readonly config: SessionConfig;
}): StartSession {
  const { sessions, issueTokens, config } = services;

  return async (by, { ticket, role, deviceToken, factors, ...proof }) => {
    const session = await sessions.start(by, {
      userId: ticket.userId,
      factors,
      ...sessionLifetimeOf(role, config),
      limit: config.limit,
      ipAddress: by.ipAddress,
      userAgent: by.userAgent,
      device: { id: ticket.deviceId ?? uuidv7(), tokenHash: sha256(deviceToken) },
      ticket,
      ...proof,
    });
    return session && { ...(await issueTokens(session)), deviceToken };
  };
}
