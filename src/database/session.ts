import { readFileSync } from "node:fs";
import type { DatabaseConfig } from "../config.ts";
import { ConnectError } from "./connect-error.ts";

/** PostgreSQL's own time-outs, so that no statement, lock or forgotten transaction holds others for ever. */
export function timeouts(config: DatabaseConfig): Record<string, number> {
  const settings = {
    statement_timeout: config.statementTimeout,
    lock_timeout: config.lockTimeout,
    idle_in_transaction_session_timeout: config.idleTransactionTimeout,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, ms]) => ms > 0));
}

/** What postgres.js is to do about TLS. @throws {ConnectError} when the authority's file cannot be read */
export function tls(config: Pick<DatabaseConfig, "ssl" | "caFile">, url: string): false | "require" | object {
  if (config.ssl === "disable") return false;
  if (config.ssl === "require") return "require";
  // Named here, because postgres.js names no host that is an IP address, and Node would verify "localhost" instead.
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return {
    host,
    rejectUnauthorized: true,
    ...(config.caFile === undefined ? {} : { ca: readAuthority(config.caFile) }),
  };
}

function readAuthority(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConnectError("The file that DATABASE_CA_FILE names cannot be read.", error);
  }
}
