export { type Config, ConfigError, type DatabaseConfig, loadConfig, loadDatabaseConfig } from "./config.ts";
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
export { keepSecret, writePrivately } from "./secret-file.ts";
