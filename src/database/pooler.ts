import type { Sql } from "postgres";
import type { DatabaseConfig } from "../config/index.ts";
import { withDeadline } from "../deadline.ts";
import { ConnectError } from "./connect-error.ts";
import { codeOf } from "./error-code.ts";
import { sessionSettings, timeouts } from "./session-settings.ts";
import { sqlstate } from "./sqlstate.ts";

/** Driver options for a pooler in transaction mode, which may run each transaction on another server connection. */
export const transactionPoolerOptions = {
  // A prepared statement belongs to one server connection.
  prepare: false,
  // PgBouncer reassigns the server connection after the first answer of a pipeline, and the next answer never arrives
  // (porsager/postgres#970).
  max_pipeline: 0,
} as const;

/**
 * Detects a pooler between the service and PostgreSQL, and verifies that the session has the settings it needs.
 *
 * @param place the endpoint, as the messages name it
 * @returns warnings for the log
 * @throws {ConnectError} when a pooler in transaction mode is not configured as one, or drops a required setting
 */
export async function checkPooler(sql: Sql, config: DatabaseConfig, place: string): Promise<readonly string[]> {
  if (config.pooler === "transaction") {
    await refuseStatementMode(sql, place);
    return checkSession(sql, config, place);
  }
  if (await isDirectConnection(sql)) return [];
  if (await sharesServerConnections(sql)) {
    throw new ConnectError(
      `${place} is reached through a connection pooler in transaction mode: set DATABASE_POOLER=transaction.`,
    );
  }
  const warning =
    `${place} is reached through a connection pooler: set DATABASE_POOLER=transaction, unless it keeps a server ` +
    "connection for each client (session mode).";
  return [warning, ...(await checkSession(sql, config, place))];
}

/** Whether the backend has the process id of the startup message. A pooler sends a process id of its own there. */
async function isDirectConnection(sql: Sql): Promise<boolean> {
  const result = await sql`select pg_backend_pid() as pid`;
  return result[0]?.["pid"] === result.state.pid;
}

/** @throws {ConnectError} for a pooler in statement mode, which refuses every transaction */
async function refuseStatementMode(sql: Sql, place: string): Promise<void> {
  try {
    await sql.begin((tx) => tx`select 1`);
  } catch (error) {
    if (codeOf(error) !== sqlstate.protocolViolation) throw error;
    throw new ConnectError(
      `${place} is reached through a pooler that refuses transactions: set its pool_mode to transaction.`,
      error,
    );
  }
}

/** Wait for a server connection that the transaction of another client may occupy (ms). */
const reserveTimeout = 2_000;

/** Whether two concurrent clients share server connections. */
async function sharesServerConnections(sql: Sql): Promise<boolean> {
  if (sql.options.max < 2) return false;
  const [first, second] = await Promise.all([sql.reserve(), sql.reserve()]);
  const pidOf = async (client: Sql) => (await client`select pg_backend_pid() as pid`)[0]?.["pid"];
  try {
    const before = await pidOf(first);
    await second`begin`;
    const occupied = await pidOf(second);
    // The open transaction of the second client may occupy the connection of the first one. If the first client has to
    // wait for another connection, it shares connections too.
    const onTimeout = () => new Error("no server connection");
    const during =
      occupied === before
        ? undefined
        : await withDeadline(reserveTimeout, pidOf(first), onTimeout).catch(() => undefined);
    return during !== before;
  } finally {
    await second`rollback`;
    for (const client of [first, second]) client.release();
  }
}

async function checkSession(sql: Sql, config: DatabaseConfig, place: string): Promise<readonly string[]> {
  await requireRole(sql, config, place);
  const expected = { ...sessionSettings, ...timeouts(config) };
  const rows = await sql.unsafe(
    `select lower(name) as name,
       case lower(name) when 'search_path' then array_to_string(current_schemas(false), ', ') else setting end as setting
     from pg_settings where lower(name) = any ($1::text[])`,
    [`{${Object.keys(expected).join(",")}}`],
  );
  const actual = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  const differing = (settings: object) =>
    Object.entries(settings).filter(([name, value]) => actual[name] !== `${value}`);

  const wrong = differing(sessionSettings);
  if (wrong.length > 0) {
    throw new ConnectError(
      `${place} is reached through a connection pooler that drops settings which the service needs: ${remedy(wrong)}`,
    );
  }
  const missing = differing(timeouts(config));
  if (missing.length === 0) return [];
  return [`The pooler does not pass the service's timeouts on to PostgreSQL: ${remedy(missing)}`];
}

/** @throws {ConnectError} if the server's connections have another role than DATABASE_ROLE */
async function requireRole(sql: Sql, { role }: DatabaseConfig, place: string): Promise<void> {
  if (role === undefined) return;
  const [row] = await sql`select current_user as role, session_user as login`;
  if (row?.["role"] === role) return;
  throw new ConnectError(
    `${place} is reached through a connection pooler that does not pass DATABASE_ROLE on: ` +
      `alter role ${row?.["login"]} set role = '${role}'; and reconnect the pooler.`,
  );
}

/** The statements that set as the role's defaults what the pooler drops. */
function remedy(settings: readonly [string, unknown][]): string {
  return settings.map(([name, value]) => `alter role <role> set ${name} = '${value}';`).join(" ");
}
