/** The configuration: environment variables, the database URL and the data folder. */
export {
  type AuditConfig,
  type Config,
  type DatabaseConfig,
  loadAuditConfig,
  loadConfig,
  loadDatabaseConfig,
  type PasswordConfig,
  type SessionConfig,
} from "./config.ts";
export { makeDataFolder } from "./data-folder.ts";
export {
  type DatabaseAddress,
  faultsOfDatabaseUrl,
  parseDatabaseUrl,
  redactedAddress,
  sslModeOf,
  urlOfDatabase,
} from "./database-url/parse.ts";
export { type SslMode, stricter } from "./database-url/ssl.ts";
export { type EncryptionKey, encryptionKeyEntry, encryptionKeyId, parseEncryptionKeys } from "./encryption-keys.ts";
export type { ConfigVariable } from "./environment.ts";
export { ConfigError } from "./errors.ts";
export { keepSecret, writePrivately } from "./secret-file.ts";
