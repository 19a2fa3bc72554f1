import type { Sql } from "postgres";

/**
 * The process ids of the sessions of this database that wait for a row another transaction has written or locked.
 * Waits for a table do not count: a partition job of the service has those beside any test. `sql` must not be in a
 * transaction, in which PostgreSQL shows the sessions of its first look.
 */
export async function rowWaiters(sql: Sql): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and wait_event in ('transactionid', 'tuple')`;
  return rows.map(({ pid }) => pid);
}
