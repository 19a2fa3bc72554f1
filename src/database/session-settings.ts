import type { DatabaseConfig } from "../config/index.ts";

/**
 * Settings that change the meaning of a statement or the form of a value. Every connection sets them, because a role or
 * a database may have other defaults (`ALTER ROLE … SET`).
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
  // A limit would omit rows from a search by metadata.
  gin_fuzzy_search_limit: "0",
} as const;

/** The settings that PgBouncer tracks per client. It refuses a connection that sends any other. */
export const pooledSettings = {
  datestyle: sessionSettings.datestyle,
  timezone: sessionSettings.timezone,
  standard_conforming_strings: sessionSettings.standard_conforming_strings,
} as const;

/** Returns the settings that a connection sends in its startup message. */
export function startupSettings(config: DatabaseConfig): Readonly<Record<string, string>> {
  if (config.pooler !== "none") return pooledSettings;
  return { ...sessionSettings, ...timeouts(config), ...(config.role !== undefined && { role: config.role }) };
}

/**
 * Returns PostgreSQL's timeouts (ms), which limit how long a statement, a lock request or an idle transaction blocks
 * others. The values are strings: the driver omits the number 0, and the role's default would apply.
 */
export function timeouts(config: DatabaseConfig): Record<string, string> {
  return {
    statement_timeout: `${config.statementTimeout}`,
    lock_timeout: `${config.lockTimeout}`,
    idle_in_transaction_session_timeout: `${config.idleTransactionTimeout}`,
  };
}
