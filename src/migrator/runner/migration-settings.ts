import { sessionSettings } from "../../database/index.ts";

/**
 * Sets the time-outs of a transaction that migrates: statements have unlimited time, and lock requests `lockTimeout` ms.
 * The server checks every second whether the client is still connected, so that it rolls back soon after a migrator is
 * killed. PostgreSQL on Windows does not support that check.
 */
export const timeoutsSql = (lockTimeout: number) => `
  select set_config('lock_timeout', '${Number(lockTimeout)}', true), set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    case when current_setting('transaction_timeout', true) is not null then set_config('transaction_timeout', '0', true) end,
    case when version() !~* 'windows|msvc|mingw|visual c' then set_config('client_connection_check_interval', '1s', true) end`;

/**
 * The same with the session settings of the service, so that names and literals of a migration do not depend on the
 * role's settings (`alter role … set search_path`).
 */
export const settingsSql = (lockTimeout: number) => `
  select ${Object.entries(sessionSettings)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(", ")};
  ${timeoutsSql(lockTimeout)}`;

/**
 * Resets what a migration has set for its session: the next migration would inherit it, and through PgBouncer the
 * service would. The settings of the current transaction are set again.
 */
export const resetSql = (lockTimeout: number) =>
  `reset session authorization; reset role; reset all; ${settingsSql(lockTimeout)}`;
