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
import type { Notice } from "../options.ts";

/** The database to migrate, and how to get there. */
export interface Target {
  readonly url: string;
  readonly ssl?: SslMode | undefined;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string | undefined;
  /** What named it, for messages (DATABASE_URL). */
  readonly setting?: string | undefined;
}

/** Connections for one command; each is opened when it is first used. */
export interface Connections {
  /** For transactions, and for looking on while one waits. Nothing here outlives a transaction: PgBouncer may be between. */
  readonly sql: Sql;
  /** One for what cannot run in a transaction: as much time as it takes, and a stay in a queue as long as that (ms, 0: any). */
  outside(lockTimeout: number): Promise<Outside>;
  end(): Promise<void>;
}

export interface Outside {
  readonly sql: Sql;
  /** Whether a pooler may give it to others between two transactions, with what was set in its session. */
  readonly shared: boolean;
}

/** A server that is just starting is worth some seconds. */
const patience: RetryPolicy = { retries: 6, minTimeout: 100, maxTimeout: 2_000 };

/** @throws {ConnectError} when the database cannot be reached, or refuses us */
export async function openConnections(
  target: Target,
  options: {
    onNotice?: ((notice: Notice & { code: string }) => void) | undefined;
    signal?: AbortSignal | undefined;
    /** Whether arrays are read as arrays: it costs a query. */
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
      // Named statements do not survive PgBouncer.
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
    await retry(() => sql.unsafe("select 1"), { ...patience, shouldRetry: isUnavailable, signal: options.signal });
    return sql;
  };
  const started = performance.now();
  let sql: Sql;
  try {
    sql = await reach(sessionSettings).catch((error: unknown) => {
      // A pooler refuses settings that it does not pass on. Transactions bring theirs along (lock.ts).
      if (codeOf(error) === sqlstate.protocolViolation) return reach({});
      throw error;
    });
  } catch (error) {
    await end();
    if (error instanceof UnpatchedDriverError) throw error;
    const waited = performance.now() - started;
    throw new ConnectError(
      explainConnectError(error, { ...redactedAddress(target.url), ssl, waited, setting: target.setting }),
      error,
    );
  }

  const outside = async (lockTimeout: number): Promise<Outside> => {
    const one = (connection: Record<string, string | number>) => {
      const made = open({ max: 1, connection });
      opened.push(made);
      return made;
    };
    // A server that notices within a second that we are gone leaves no builder behind. (A number 0 the driver
    // would leave out.)
    const patient = one({
      ...sessionSettings,
      statement_timeout: "0",
      lock_timeout: String(lockTimeout),
      client_connection_check_interval: 1_000,
    });
    try {
      const [row] = await patient`select current_setting('client_connection_check_interval') = '1s' as own`;
      const shared = row?.["own"] !== true;
      // Servers before 17 would refuse a stranger at the door.
      if (!shared)
        await patient`
          select set_config('transaction_timeout', '0', false)
          where current_setting('transaction_timeout', true) is not null`;
      return { sql: patient, shared };
    } catch (error) {
      // PgBouncer's word for settings that it does not pass on, and a server's on Windows for the last of them:
      // then the role's own settings hold.
      const code = codeOf(error) ?? "";
      if (code !== sqlstate.protocolViolation && code !== sqlstate.invalidParameterValue) throw error;
      const bare = one(code === sqlstate.protocolViolation ? {} : sessionSettings);
      const [row] = await bare`select current_schemas(false) = '{public}' as fits`;
      if (row?.["fits"] !== true) {
        throw new ConnectError(
          "A migration without a transaction would run in another schema than public, because the pooler passes no " +
            "settings on: alter role <role> set search_path = public; or connect to PostgreSQL itself.",
          error,
        );
      }
      return { sql: bare, shared: code === sqlstate.protocolViolation };
    }
  };
  return { sql, outside, end };
}
