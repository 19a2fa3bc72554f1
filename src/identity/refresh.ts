import type { SessionConfig } from "../config/index.ts";
import type { Actor } from "../database/index.ts";
import { UnauthenticatedError } from "../errors.ts";
import type { Repositories } from "../repositories/index.ts";
import type { AuthenticationLog } from "./authentication-log.ts";
import type { RefreshTokens } from "./refresh-tokens.ts";
import { type IssueTokens, type SessionTokens, sessionEnded, sessionLifetimeOf } from "./session-tokens.ts";

/**
 * Exchanges a refresh token for new tokens (RFC 6749, 6).
 *
 * The current token is rotated. Its predecessor gives the same successor again until that is used: an answer may be lost,
 * and two tabs may refresh at once (FAPI 2.0 Security Profile, 5.3.2.1). Any older token ends the session.
 *
 * @param origin the client's address and user agent, for the audit trail
 * @throws {UnauthenticatedError} if the token is not valid or the session has ended: the owner must sign in again
 */
export type Refresh = (refreshToken: string, origin: Omit<Actor, "name" | "userId">) => Promise<SessionTokens>;

export function createRefresh(services: {
  readonly sessions: Repositories["sessions"];
  readonly refreshTokens: RefreshTokens;
  readonly issueTokens: IssueTokens;
  readonly config: SessionConfig;
  readonly authentications: AuthenticationLog;
}): Refresh {
  const { sessions, refreshTokens, issueTokens, config, authentications } = services;

  return async (refreshToken, origin) => {
    const claims = await refreshTokens.verify(refreshToken).catch((error: unknown) => {
      if (error instanceof UnauthenticatedError)
        authentications.record("refresh_refused", { ...origin, name: "anonymous" }, { reason: "invalid_token" });
      throw error;
    });
    const { userId } = claims;
    const by = { ...origin, name: `user:${userId}`, userId };
    const { outcome, session } = await sessions.rotate(by, {
      ...claims,
      ofPlayers: sessionLifetimeOf("user", config),
      ofStaff: sessionLifetimeOf("admin", config),
      reuse: config.refreshReuse,
    });
    authentications.record(events[outcome], by, { userId, ...(outcome === "ended" && { reason: "session_ended" }) });
    if (session === undefined) throw new UnauthenticatedError(sessionEnded);
    return issueTokens(session);
  };
}

const events = {
  rotated: "refresh_rotated",
  replayed: "refresh_replayed",
  reused: "refresh_token_reused",
  ended: "refresh_refused",
} as const;
