import postgres, { type Sql } from "postgres";
import { ConnectError, explain } from "../database/connect-error.ts";
import { codeOf, isUnavailable, type Patience, retry } from "../database/retry.ts";
import { tls } from "../database/session.ts";
import { locate, type SslMode, sslModeOf, withoutSslMode } from "../database-url.ts";

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
  /** For what cannot run in a transaction; without time-outs of its own. */
  outside(): Promise<Sql>;
  end(): Promise<void>;
}

/** A server that is just starting is worth some seconds. */
const patience: Patience = { retries: 6, minTimeout: 100, maxTimeout: 2_000 };

/** "Already exists, skipping": what IF NOT EXISTS is for. */
const expected = new Set(["42P06", "42P07", "42710", "42701"]);

/** @throws {ConnectError} when the database cannot be reached, or refuses us */
export async function openConnections(
  target: Target,
  options: {
    onNotice?: ((message: string) => void) | undefined;
    signal?: AbortSignal | undefined;
    /** Whether arrays are read as arrays: it costs a query. */
    arrays?: boolean | undefined;
  } = {},
): Promise<Connections> {
  const ssl = target.ssl ?? sslModeOf(target.url) ?? "disable";
  const open = (connection: Record<string, string | number> = {}) =>
    postgres(withoutSslMode(target.url), {
      max: 3,
      connect_timeout: 5,
      fetch_types: options.arrays ?? false,
      // Named statements do not survive PgBouncer.
      prepare: false,
      ssl: tls({ ssl, caFile: target.caFile }, target.url),
      onnotice: (notice) => {
        if (!expected.has(String(notice["code"]))) options.onNotice?.(String(notice["message"]));
      },
      connection: { application_name: "aeturnis-data migrate", ...connection },
    });
  const opened: Sql[] = [];
  const end = async () => {
    await Promise.all(opened.map((sql) => sql.end({ timeout: 5 })));
  };

  const sql = open();
  opened.push(sql);
  const started = performance.now();
  try {
    await retry(() => sql.unsafe("select 1"), { ...patience, again: isUnavailable, signal: options.signal });
  } catch (error) {
    await end();
    const waited = performance.now() - started;
    throw new ConnectError(explain(error, { ...locate(target.url), ssl, waited, setting: target.setting }), error);
  }

  const outside = async () => {
    // Readers and writers go on beside CREATE INDEX CONCURRENTLY and its like: they may take their time. A
    // server that notices within a second that we are gone leaves no builder behind.
    // (postgres.js leaves out the number 0, and the role's own time-out would hold.)
    const patient = open({ statement_timeout: "0", lock_timeout: "0", client_connection_check_interval: 1_000 });
    opened.push(patient);
    try {
      await patient`select 1`;
      return patient;
    } catch (error) {
      // PgBouncer's word for settings that it does not pass on, and a server's on Windows for the last of them:
      // then the role's own settings hold.
      if (!["08P01", "22023"].includes(codeOf(error) ?? "")) throw error;
      const plain = open();
      opened.push(plain);
      return plain;
    }
  };
  return { sql, outside, end };
}
