import type { Sql } from "postgres";
import { redactedAddress, type SslMode, sslModeOf } from "../../config/index.ts";
import {
  ConnectError,
  codeOf,
  driverOptions,
  explainConnectError,
  isUnavailable,
  openDriver,
  pooledSettings,
  type RetryPolicy,
  retry,
  sessionSettings,
  sqlstate,
  UnpatchedDriverError,
} from "../../database/index.ts";
import { StoppedError } from "../errors.ts";
import type { Notice } from "../options.ts";
import { openSessionConnection, type SessionConnection } from "./session-connection.ts";

/** The database to migrate, and how to connect to it. */
export interface Target {
  readonly url: string;
  readonly ssl?: SslMode | undefined;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string | undefined;
  /** The name of the setting that has the URL (DATABASE_URL), for messages. */
  readonly setting?: string | undefined;
}

/** Connections of one command. Each is opened when it is first used. */
export interface Connections {
  /** For transactions and for monitoring. No session state outlives a transaction, because a pooler may be in between. */
  readonly sql: Sql;
  /** Opens a connection for statements that cannot run in a transaction: see openSessionConnection. */
  readonly openSession: (settings: { readonly lockTimeout: number }) => Promise<SessionConnection>;
  readonly end: () => Promise<void>;
}

/** Waits some seconds for a server that is starting. */
const connectRetry: RetryPolicy = { retries: 6, minTimeout: 100, maxTimeout: 2_000 };

/**
 * @throws {ConnectError} if the database cannot be reached, or refuses the connection
 * @throws {StoppedError} if the signal is aborted
 */
export async function openConnections(
  target: Target,
  options: {
    onNotice?: ((notice: Notice & { code: string }) => void) | undefined;
    signal?: AbortSignal | undefined;
    /** Whether arrays are parsed, which costs a query for their types. */
    arrays?: boolean | undefined;
  } = {},
): Promise<Connections> {
  const ssl = target.ssl ?? sslModeOf(target.url) ?? "disable";
  const endpoint = driverOptions(target);
  const open = ({ max, connection }: { max: number; connection: Record<string, string | number> }) =>
    openDriver({
      ...endpoint,
      max,
      fetch_types: options.arrays ?? false,
      // PgBouncer before 1.21 does not keep named statements across transactions.
      prepare: false,
      onnotice: ({ severity, severity_local, message, detail, hint, code }) =>
        options.onNotice?.({
          severity: String(severity ?? severity_local),
          message: String(message),
          ...(detail && { detail: String(detail) }),
          ...(hint && { hint: String(hint) }),
          code: String(code),
        }),
      connection: {
        application_name: "aeturnis-data migrate",
        ...endpoint.connection,
        ...pooledSettings,
        ...connection,
      },
    });
  const opened: Sql[] = [];
  const end = async () => {
    await Promise.all(opened.map((sql) => sql.end({ timeout: 5 })));
  };

  const reach = async (connection: Record<string, string>): Promise<Sql> => {
    const sql = open({ max: 3, connection });
    opened.push(sql);
    await retry(() => sql.unsafe("select 1"), { ...connectRetry, shouldRetry: isUnavailable, signal: options.signal });
    return sql;
  };
  const started = performance.now();
  let sql: Sql;
  try {
    sql = await reach(sessionSettings).catch((error: unknown) => {
      // A pooler refuses settings that it does not forward. Each transaction sets them (migration-settings.ts).
      if (codeOf(error) === sqlstate.protocolViolation) return reach({});
      throw error;
    });
  } catch (error) {
    await end();
    if (error instanceof UnpatchedDriverError) throw error;
    if (options.signal?.aborted) throw new StoppedError("Stopped on request.", { cause: error });
    const waited = performance.now() - started;
    throw new ConnectError(
      explainConnectError(error, { ...redactedAddress(target.url), ssl, waited, setting: target.setting }),
      error,
    );
  }

  const openOne = (connection: Record<string, string | number>) => {
    const made = open({ max: 1, connection });
    opened.push(made);
    return made;
  };
  return { sql, openSession: (settings) => openSessionConnection(openOne, settings), end };
}

export type { SessionConnection } from "./session-connection.ts";
