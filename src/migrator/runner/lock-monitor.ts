import { setTimeout as after } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import type { MigrateEvent } from "../options.ts";

/** Nobody wants to hear of waits shorter than this (ms), nor again sooner than `repeat`. */
const silence = 1_000;
const repeat = 10_000;

/**
 * Looks on from a connection beside while the session `pid` works: says behind whom it waits, and how far
 * it is. It never fails: whoever cannot look on works all the same.
 *
 * @returns what stops it
 */
export function monitorLocks(
  sql: Sql,
  pid: number,
  { tag, onEvent }: { tag: string; onEvent: (event: MigrateEvent) => void },
) {
  const stopping = new AbortController();
  const started = performance.now();
  const look = async () => {
    let said = Number.NEGATIVE_INFINITY;
    for (;;) {
      await after(silence, undefined, { ref: false, signal: stopping.signal });
      const ms = Math.round(performance.now() - started);
      const behind = await blockers(sql, pid);
      if (stopping.signal.aborted) return;
      if (behind.length > 0 && ms - said >= repeat) {
        said = ms;
        onEvent({ type: "waiting", tag, ms, behind });
      }
      onEvent({ type: "progress", tag, ms, phase: behind.length > 0 ? "waiting for a lock" : await phase(sql, pid) });
    }
  };
  look().catch(() => {});
  return () => stopping.abort();
}

/** Who holds what the session waits for. */
async function blockers(sql: Sql, pid: number): Promise<string[]> {
  const [row] = await sql`select to_json(pg_blocking_pids(${pid})) as pids`;
  return describeSessions(sql, row?.["pids"] ?? []);
}

/** Sessions in a person's words: who they are, and never what they do. */
export async function describeSessions(sql: Sql | TransactionSql, pids: readonly number[]): Promise<string[]> {
  if (pids.length === 0) return [];
  const rows = await sql`
    select pid, usename, application_name, state, coalesce(extract(epoch from now() - xact_start), 0)::int as seconds
    from pg_stat_activity where pid in ${sql(pids)}`;
  return rows.map(({ pid, usename, application_name, state, seconds }) => {
    const name = application_name ? `${application_name}, ` : "";
    return `process ${pid} (${name}user ${usename}, ${state}, in its transaction for ${seconds} s)`;
  });
}

/** What PostgreSQL says of an index that is being built. */
async function phase(sql: Sql, pid: number): Promise<string | undefined> {
  const [row] = await sql`
    select phase, case when blocks_total > 0 then round(100.0 * blocks_done / blocks_total) end as percent
    from pg_stat_progress_create_index where pid = ${pid}`;
  if (row === undefined) return undefined;
  return row["percent"] === null ? row["phase"] : `${row["phase"]} ${row["percent"]} %`;
}
