import { setTimeout as after } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import type { MigrateEvent } from "../options.ts";

/** Interval between two checks (ms); shorter lock waits are not reported. */
const checkInterval = 1_000;

/** Minimum time between two `waiting` events (ms). */
const repeatInterval = 10_000;

/**
 * Monitors the session `pid` over another connection, and reports the sessions that block it and the progress of its
 * index build. An error ends the monitoring and does not affect the session.
 *
 * @returns a function that stops the monitoring
 */
export function monitorLocks(
  sql: Sql,
  pid: number,
  { tag, onEvent }: { tag: string; onEvent: (event: MigrateEvent) => void },
) {
  const stopping = new AbortController();
  const started = performance.now();
  const monitor = async () => {
    let reportedAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      await after(checkInterval, undefined, { ref: false, signal: stopping.signal });
      const ms = Math.round(performance.now() - started);
      const behind = await blockers(sql, pid);
      if (stopping.signal.aborted) return;
      if (behind.length > 0 && ms - reportedAt >= repeatInterval) {
        reportedAt = ms;
        onEvent({ type: "waiting", tag, ms, behind });
      }
      onEvent({ type: "progress", tag, ms, phase: behind.length > 0 ? "waiting for a lock" : await phase(sql, pid) });
    }
  };
  monitor().catch(() => {});
  return () => stopping.abort();
}

/** Describes the sessions that block the session `pid`. */
async function blockers(sql: Sql, pid: number): Promise<string[]> {
  const [row] = await sql`select to_json(pg_blocking_pids(${pid})) as pids`;
  return describeSessions(sql, row?.["pids"] ?? []);
}

/** Describes sessions by process, application, user and state. The text of their queries is confidential. */
export async function describeSessions(sql: Sql | TransactionSql, pids: readonly number[]): Promise<string[]> {
  if (pids.length === 0) return [];
  const rows = await sql`
    select pid, usename, application_name, state, coalesce(extract(epoch from now() - xact_start), 0)::int as seconds
    from pg_stat_activity where pid in ${sql(pids)}`;
  return rows.map(({ pid, usename, application_name, state, seconds }) => {
    const name = application_name ? `${application_name}, ` : "";
    return `process ${pid} (${name}user ${usename}, ${state}, transaction open for ${seconds} s)`;
  });
}

/** The progress of the session's index build, as PostgreSQL reports it. */
async function phase(sql: Sql, pid: number): Promise<string | undefined> {
  const [row] = await sql`
    select phase, case when blocks_total > 0 then round(100.0 * blocks_done / blocks_total) end as percent
    from pg_stat_progress_create_index where pid = ${pid}`;
  if (row === undefined) return undefined;
  return row["percent"] === null ? row["phase"] : `${row["phase"]} ${row["percent"]} %`;
}
