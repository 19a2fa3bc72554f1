import type { DatabaseConfig } from "../config/index.ts";

/**
 * Settings that decide what a statement means and how a value is written. A role or a database may have set
 * others (`alter role … set`), so every connection brings its own.
 */
export const sessionSettings = {
  search_path: "public",
  datestyle: "ISO, MDY",
  timezone: "UTC",
  intervalstyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  default_transaction_isolation: "read committed",
  // A listing by metadata would leave rows out.
  gin_fuzzy_search_limit: "0",
} as const;

/** Those that PgBouncer keeps for each client; it refuses the others at the start. */
export const pooledSettings = {
  datestyle: sessionSettings.datestyle,
  timezone: sessionSettings.timezone,
  standard_conforming_strings: sessionSettings.standard_conforming_strings,
} as const;

/** What a connection asks for when it starts: values as PostgreSQL takes them. */
export function startupSettings(config: DatabaseConfig): Readonly<Record<string, string>> {
  return config.pooler === "none" ? { ...sessionSettings, ...timeouts(config) } : pooledSettings;
}

/**
 * PostgreSQL's own time-outs (ms), so that no statement, lock or forgotten transaction holds others for ever. As texts:
 * the driver leaves out a number 0, and the role's own would hold.
 */
export function timeouts(config: DatabaseConfig): Record<string, string> {
  return {
    statement_timeout: `${config.statementTimeout}`,
    lock_timeout: `${config.lockTimeout}`,
    idle_in_transaction_session_timeout: `${config.idleTransactionTimeout}`,
  };
}
