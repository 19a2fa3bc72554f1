import type { Sql } from "postgres";
import type { DatabaseConfig } from "../config/index.ts";
import { within } from "../deadline.ts";
import { ConnectError } from "./connect-error.ts";
import { codeOf } from "./retry.ts";
import { sessionSettings, timeouts } from "./session-settings.ts";

/** Driver options for a pooler in transaction mode, which gives every transaction another server connection. */
export const transactionPoolerOptions = {
  // A prepared statement stays behind on the connection that another client gets.
  prepare: false,
  // PgBouncer gives the connection away after the first answer, and the next one never comes (porsager/postgres#970).
  max_pipeline: 0,
} as const;

/**
 * Looks for a pooler between the service and PostgreSQL, and whether the session is what the service needs.
 *
 * @returns sentences for the log
 * @throws {ConnectError} when a pooler in transaction mode is not configured as one, or drops settings without which
 *   statements mean something else
 */
export async function checkPooler(sql: Sql, config: DatabaseConfig, place: string): Promise<readonly string[]> {
  if (config.pooler === "transaction") {
    await refuseStatementMode(sql, place);
    return checkSession(sql, config, place);
  }
  if (await isServerItself(sql)) return [];
  if (await sharesServerConnections(sql)) {
    throw new ConnectError(
      `${place} is reached through a connection pooler in transaction mode: set DATABASE_POOLER=transaction.`,
      undefined,
    );
  }
  const note =
    `${place} is reached through a connection pooler: set DATABASE_POOLER=transaction, unless it keeps a server ` +
    "connection for each client (session mode).";
  return [note, ...(await checkSession(sql, config, place))];
}

/** Whether the backend that answers is the one that greeted. A pooler greets with a process id of its own making. */
async function isServerItself(sql: Sql): Promise<boolean> {
  const result = await sql`select pg_backend_pid() as pid`;
  return result[0]?.["pid"] === result.state.pid;
}

/** A pooler in statement mode gives the connection away within a transaction, and refuses every one. */
async function refuseStatementMode(sql: Sql, place: string): Promise<void> {
  try {
    await sql.begin((tx) => tx`select 1`);
  } catch (error) {
    if (codeOf(error) !== "08P01") throw error;
    throw new ConnectError(
      `${place} is reached through a pooler that takes no transactions: set its pool_mode to transaction.`,
      error,
    );
  }
}

/** How long a client may wait for a server connection that another one's transaction holds (ms). */
const patience = 2_000;

/** Whether two clients that are connected at the same time share server connections. */
async function sharesServerConnections(sql: Sql): Promise<boolean> {
  if (sql.options.max < 2) return false;
  const [one, other] = await Promise.all([sql.reserve(), sql.reserve()]);
  const pidOf = async (client: Sql) => (await client`select pg_backend_pid() as pid`)[0]?.["pid"];
  try {
    const before = await pidOf(one);
    await other`begin`;
    const held = await pidOf(other);
    // Held by the other's transaction, its connection is not the one's any more. One that waits for another shares it, too.
    const late = () => new Error("no server connection");
    const during = held === before ? undefined : await within(patience, pidOf(one), late).catch(() => undefined);
    return during !== before;
  } finally {
    await other`rollback`;
    for (const client of [one, other]) client.release();
  }
}

async function checkSession(sql: Sql, config: DatabaseConfig, place: string): Promise<readonly string[]> {
  const expected = { ...sessionSettings, ...timeouts(config) };
  const found = await sql.unsafe(
    `select lower(name) as name,
       case lower(name) when 'search_path' then array_to_string(current_schemas(false), ', ') else setting end as setting
     from pg_settings where lower(name) = any ($1::text[])`,
    [`{${Object.keys(expected).join(",")}}`],
  );
  const inForce = Object.fromEntries(found.map(({ name, setting }) => [name, setting]));
  const lost = (settings: object) => Object.entries(settings).filter(([name, value]) => inForce[name] !== `${value}`);

  const wrong = lost(sessionSettings);
  if (wrong.length > 0) {
    throw new ConnectError(
      `${place} is reached through a connection pooler that drops settings which the service needs: ${remedy(wrong)}`,
      undefined,
    );
  }
  const missing = lost(timeouts(config));
  if (missing.length === 0) return [];
  return [`Time-outs that the service asks for do not reach PostgreSQL through a pooler: ${remedy(missing)}`];
}

/** The statements that give the role what the pooler does not pass on. */
function remedy(settings: readonly [string, unknown][]): string {
  return settings.map(([name, value]) => `alter role <role> set ${name} = '${value}';`).join(" ");
}
