import type { Sql } from "postgres";
import { ConnectError, codeOf, sessionSettings, sqlstate } from "../../database/index.ts";

/** A connection whose session settings persist between statements. */
export interface SessionConnection {
  readonly sql: Sql;
  /** Whether a pooler may give the server's session to other clients between two transactions. */
  readonly isShared: boolean;
}

/** Opens one connection with these settings. */
type OpenOne = (connection: Record<string, string | number>) => Sql;

/**
 * Opens a connection without `statement_timeout`, with a `lock_timeout` of `lockTimeout` ms (0: none). The server checks
 * every second whether the client is still connected, so that it stops building an index soon after a migrator is
 * killed.
 *
 * @throws {ConnectError} if a pooler drops the settings and the role's own ones do not fit
 */
export async function openSessionConnection(
  open: OpenOne,
  { lockTimeout }: { lockTimeout: number },
): Promise<SessionConnection> {
  const sql = open({
    ...sessionSettings,
    // As texts: the driver leaves out a setting whose value is the number 0.
    statement_timeout: "0",
    lock_timeout: String(lockTimeout),
    client_connection_check_interval: 1_000,
  });
  try {
    const [row] = await sql`select current_setting('client_connection_check_interval') = '1s' as own`;
    const isShared = row?.["own"] !== true;
    // Not at the start of the session: servers before 17 refuse an unknown setting there.
    if (!isShared)
      await sql`
        select set_config('transaction_timeout', '0', false)
        where current_setting('transaction_timeout', true) is not null`;
    return { sql, isShared };
  } catch (error) {
    // PgBouncer refuses settings that it does not forward; a server on Windows refuses the check interval.
    const code = codeOf(error);
    if (code !== sqlstate.protocolViolation && code !== sqlstate.invalidParameterValue) throw error;
    const isShared = code === sqlstate.protocolViolation;
    return { sql: await openWithRoleSettings(open(isShared ? {} : sessionSettings), error), isShared };
  }
}

/** @throws {ConnectError} if the settings of the role select another schema than public */
async function openWithRoleSettings(sql: Sql, cause: unknown): Promise<Sql> {
  const [row] = await sql`select current_schemas(false) = '{public}' as fits`;
  if (row?.["fits"] === true) return sql;
  throw new ConnectError(
    "A migration without a transaction would run in another schema than public, because the pooler does not forward " +
      "settings. Run: alter role <role> set search_path = public; or connect to PostgreSQL without the pooler.",
    cause,
  );
}
