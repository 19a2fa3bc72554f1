import type { DatabaseConfig } from "../config.ts";

/** PostgreSQL's own time-outs, so that no statement, lock or forgotten transaction holds others for ever. */
export function timeouts(config: DatabaseConfig): Record<string, number> {
  const settings = {
    statement_timeout: config.statementTimeout,
    lock_timeout: config.lockTimeout,
    idle_in_transaction_session_timeout: config.idleTransactionTimeout,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, ms]) => ms > 0));
}
