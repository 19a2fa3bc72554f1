export { type Config, ConfigError, type DatabaseConfig, loadConfig, loadDatabaseConfig } from "./config.ts";
export { makeDataFolder } from "./data-folder.ts";
export {
  type DatabaseAddress,
  faultsOfDatabaseUrl,
  locate,
  parseDatabaseUrl,
  type SslMode,
  sslModeOf,
  stricter,
  urlOfDatabase,
} from "./database-url/parse.ts";
export { keepSecret, writePrivately } from "./secret-file.ts";
