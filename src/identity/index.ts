export {
  type AccessTokens,
  accessTokenLifetime,
  anonymous,
  type Caller,
  createAccessTokens,
  serviceName,
} from "./access-tokens.ts";
export { needsRehash } from "./password/needs-rehash.ts";
export { verifyPassword } from "./password/verify-password.ts";
export { createRefresh, type Refresh } from "./refresh.ts";
export { createRefreshTokens, type RefreshTokens } from "./refresh-tokens.ts";
export { signingSecrets } from "./secret.ts";
export { type SessionTokens, sessionLifetimeOf, signSessionTokens } from "./session-tokens.ts";
export { deriveKeys } from "./signing-keys.ts";
