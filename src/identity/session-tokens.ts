import type { SessionConfig } from "../config/index.ts";
import type {
  RefreshableSession,
  SessionLifetime,
  SessionStage,
  UserRole,
  UserSession,
} from "../repositories/index.ts";
import { type AccessTokens, accessTokenLifetime } from "./access-tokens.ts";
import type { RefreshTokens } from "./refresh-tokens.ts";

/** The tokens of a session, as a client receives them. */
export interface SessionTokens {
  readonly accessToken: string;
  /** Lifetime of the access token (s). */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** What the session is good for. */
  readonly stage: SessionStage;
  readonly session: UserSession;
}

export type IssueTokens = (session: RefreshableSession) => Promise<SessionTokens>;

/** Lifetime of a session of a moderator or an administrator (s; NIST SP 800-63B-4, 2.2.3, AAL2). */
const staffLifetime: SessionLifetime = { lifetime: 24 * 3_600, idleTimeout: 3_600 };

/** How long the sessions of an account with this role last. */
export function sessionLifetimeOf(role: UserRole, { lifetime, idleTimeout }: SessionConfig): SessionLifetime {
  if (role === "user") return { lifetime, idleTimeout };
  return {
    lifetime: Math.min(lifetime, staffLifetime.lifetime),
    idleTimeout: Math.min(idleTimeout, staffLifetime.idleTimeout),
  };
}

/**
 * Signs the tokens of sessions. A refresh token depends on the session's row alone, so that a repeated rotation gives the
 * same one.
 */
export function createIssueTokens({
  accessTokens,
  refreshTokens,
}: {
  accessTokens: AccessTokens;
  refreshTokens: RefreshTokens;
}): IssueTokens {
  return async ({ refreshTokenId, rotatedAt, stage, ...session }) => {
    const { id: sessionId, userId, createdAt } = session;
    const times = {
      issuedAt: rotatedAt ?? createdAt,
      expiresAt: endOf(session),
    };
    return {
      stage,
      accessToken: await accessTokens.signUser({ userId, sessionId }),
      expiresIn: accessTokenLifetime,
      refreshToken: await refreshTokens.sign({ userId, sessionId, tokenId: refreshTokenId }, times),
      session,
    };
  };
}

/** When a session ends if it is not used again. Its refresh token is good for as long. */
export const endOf = ({ expiresAt, idleExpiresAt }: Pick<UserSession, "expiresAt" | "idleExpiresAt">): Date =>
  expiresAt < idleExpiresAt ? expiresAt : idleExpiresAt;

export const sessionEnded = "The session has ended: sign in again.";
