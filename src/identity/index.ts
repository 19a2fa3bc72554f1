export {
  type AccessTokens,
  accessTokenLifetime,
  anonymous,
  type Caller,
  createAccessTokens,
  serviceName,
} from "./access-tokens.ts";
export type { AuthenticationEvent } from "./authentication-events.ts";
export { type AuthenticationLog, createAuthenticationLog } from "./authentication-log.ts";
export { configuredKeys, createEncryptionKey } from "./encryption/configured-keys.ts";
export { type KeyRotation, rotateKeys } from "./encryption/key-rotation.ts";
export { requireEncryptionKeys } from "./encryption/required-keys.ts";
export { createSecretCipher, type SecretCipher } from "./encryption/secret-cipher.ts";
export { createIdentity, type Identity } from "./identity.ts";
export type { OwnSession } from "./own-password.ts";
export { createAccount, createAccounts } from "./password/new-accounts.ts";
export { createPasswords, type Passwords } from "./password/passwords.ts";
export { signingSecrets } from "./secret.ts";
export { endOf, type SessionTokens, sessionLifetimeOf } from "./session-tokens.ts";
export { deriveKeys } from "./signing-keys.ts";
