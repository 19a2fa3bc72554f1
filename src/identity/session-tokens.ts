import type { SessionConfig } from "../config/index.ts";
import type { RefreshableSession, SessionLifetime, UserRole, UserSession } from "../repositories/index.ts";
import { type AccessTokens, accessTokenLifetime } from "./access-tokens.ts";
import type { RefreshTokens } from "./refresh-tokens.ts";

/** The tokens of a session, as a client receives them. */
export interface SessionTokens {
  readonly accessToken: string;
  /** Lifetime of the access token (s). */
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly session: UserSession;
}

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
 * Signs the tokens of a session. The refresh token depends on the session's row alone, so that a repeated rotation gives
 * the same one.
 */
export async function signSessionTokens(
  { refreshTokenId, rotatedAt, ...session }: RefreshableSession,
  { accessTokens, refreshTokens }: { accessTokens: AccessTokens; refreshTokens: RefreshTokens },
): Promise<SessionTokens> {
  const { id: sessionId, userId, createdAt, expiresAt, idleExpiresAt } = session;
  const times = {
    issuedAt: rotatedAt ?? createdAt,
    expiresAt: expiresAt < idleExpiresAt ? expiresAt : idleExpiresAt,
  };
  return {
    accessToken: await accessTokens.signUser({ userId, sessionId }),
    expiresIn: accessTokenLifetime,
    refreshToken: await refreshTokens.sign({ userId, sessionId, tokenId: refreshTokenId }, times),
    session,
  };
}
