import { createJwt, numericDate } from "./jwt.ts";
import { deriveKeys } from "./signing-keys.ts";

/** What a refresh token names: a session of an account, and the token itself. */
export interface RefreshClaims {
  readonly userId: string;
  readonly sessionId: string;
  /** `refresh_token_id` of the session as long as this token is the current one. */
  readonly tokenId: string;
}

/** Signs and verifies refresh tokens. @param secrets newest first; the first one signs */
export function createRefreshTokens(secrets: readonly string[]) {
  const jwt = createJwt(deriveKeys(secrets, "refresh tokens"), {
    typ: "rt+jwt",
    audience: "aeturnis-data/refresh",
    noun: "refresh token",
    requiredClaims: ["sub", "sid", "jti", "exp"],
  });

  return {
    /** The token of these claims: the same claims and times give the same token, byte for byte. */
    sign: (
      { userId, sessionId, tokenId }: RefreshClaims,
      { issuedAt, expiresAt }: { issuedAt: Date; expiresAt: Date },
    ) =>
      jwt.sign({
        sub: userId,
        sid: sessionId,
        jti: tokenId,
        iat: numericDate(issuedAt.getTime()),
        exp: numericDate(expiresAt.getTime()),
      }),

    /** @throws {UnauthenticatedError} when the token is foreign, altered, expired or of another kind */
    verify: async (token: string): Promise<RefreshClaims> => {
      const { sub, sid, jti } = await jwt.verify(token);
      return { userId: String(sub), sessionId: String(sid), tokenId: String(jti) };
    },
  };
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;
