import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import { entryTime } from "../entry-row.ts";
import type { LogRange } from "./entries.ts";
import type { Findings } from "./findings.ts";

/** Rows of one statement. */
const chunkSize = 10_000;

/** Rows that have no index yet. */
export interface UnsealedRows {
  readonly rows: number;
  /** The time of the first: ISO 8601 in UTC. */
  readonly since: string | null;
}

/**
 * Finds the rows of the trail that have no leaf, though the sequencer has passed their place, and counts those that still wait
 * for it. Of a day whose rows all have a leaf it only counts the rows.
 *
 * @param options.from only rows from this time on, as PostgreSQL reads it
 * @param options.to only rows before this time
 * @param options.isWhole whether all rows are verified
 * @param options.rowsByDay rows that have a leaf, by their day
 * @param options.range the leaves that were compared with their rows
 */
export async function verifyAdditions(
  tx: Executor,
  options: {
    from: string;
    to: string;
    isWhole: boolean;
    rowsByDay: ReadonlyMap<string, number>;
    range: LogRange;
    findings: Findings;
    signal?: AbortSignal | undefined;
  },
): Promise<UnsealedRows> {
  const { to, rowsByDay, range, findings, signal } = options;
  let unsealed: UnsealedRows = { rows: 0, since: null };
  let from = options.from;
  let counted = 0;
  for (let isLast = false; !isLast; ) {
    signal?.throwIfAborted();
    const day = await readDay(tx, { from, to });
    isLast = day.upper === null;
    counted += day.rows;
    const upper = day.upper ?? to;
    if (day.rows !== (rowsByDay.get(day.name) ?? 0))
      for await (const row of readRowsWithoutLeaf(tx, { from, to: upper, isLast })) {
        if (row["is_waiting"] === true) {
          unsealed = { rows: unsealed.rows + 1, since: unsealed.since ?? (row["time"] as string) };
          continue;
        }
        const place = { id: row["id"] as string, createdAt: row["time"] as string };
        const index = row["leaf_index"] === null ? null : Number(row["leaf_index"]);
        if (index === null)
          findings.add("added", "The row has no index, and the log has rows that were written later.", place);
        else if (index < range.start || index >= range.end)
          findings.add("moved", "It had another time.", { ...place, index });
      }
    from = upper;
  }
  if (options.isWhole && counted !== (await countAllRows(tx, sql`public.audit_log`)))
    findings.add("added", "A partition of the trail has rows of a time that is not the partition's.");
  return unsealed;
}

/** The number of rows of a table, whatever the bounds of its partitions promise. */
export async function countAllRows(tx: Executor, table: ReturnType<typeof sql>): Promise<number> {
  const [row] = await tx.execute(sql`select count(*)::float8 as rows from ${table}`);
  return Number(row?.["rows"]);
}

/** The number of rows up to the end of the first day that has any; `upper` is null when no day is left. */
async function readDay(
  tx: Executor,
  { from, to }: { from: string; to: string },
): Promise<{ name: string; upper: string | null; rows: number }> {
  // Each bound of the count is one comparison, which an index answers: an OR would read the trail up to its end.
  const [row] = await tx.execute(sql`
    select to_char(upper - interval '1 day', 'YYYY-MM-DD') as name, nullif(concat(upper), '') as upper, (
      select count(*)::float8 from public.audit_log
      where created_at >= ${from}::timestamptz and created_at < coalesce(upper, ${to}::timestamptz)
    ) + (
      select count(*)::float8 from public.audit_log
      where upper is null and ${to}::timestamptz = 'infinity' and created_at = 'infinity'
    ) as rows
    from (
      select nullif(least(date_trunc('day', min(created_at)) + interval '1 day', ${to}::timestamptz), ${to}::timestamptz)
      from public.audit_log
      where created_at >= ${from}::timestamptz and created_at < ${to}::timestamptz and isfinite(created_at)
    ) as day (upper)`);
  return { name: String(row?.["name"]), upper: (row?.["upper"] ?? null) as string | null, rows: Number(row?.["rows"]) };
}

async function* readRowsWithoutLeaf(
  tx: Executor,
  { from, to, isLast }: { from: string; to: string; isLast: boolean },
): AsyncGenerator<Record<string, unknown>> {
  let after = { time: from, id: "00000000-0000-0000-0000-000000000000" };
  for (let operator = sql`>=`; ; operator = sql`>`) {
    const rows = await tx.execute(sql`
      with chunk as materialized (
        select id, created_at, xid, sequence from public.audit_log
        where (created_at, id) ${operator} (${after.time}::timestamptz, ${after.id}::uuid)
          and (created_at < ${to}::timestamptz or ${isLast} and created_at = ${to}::timestamptz and created_at = 'infinity')
        order by created_at, id limit ${chunkSize}
      )
      select entry.id, ${entryTime("entry.created_at")} as time, is_missing, is_waiting, is_last,
        case when is_missing and not is_waiting then (
          select leaf.index::float8 from public.audit_leaves as leaf
          where leaf.id = entry.id and not exists (
            select from public.audit_log as other where other.id = leaf.id and other.created_at = leaf.created_at)
          limit 1
        ) end as leaf_index
      from (
        select chunk.id, chunk.created_at,
          not exists (
            select from public.audit_leaves as leaf
            where leaf.id = chunk.id and leaf.created_at = chunk.created_at and leaf.index >= 0
          ) as is_missing,
          -- Rows that the sequencer takes in by their time may be any.
          state.id is null or state.system_identifier <> cluster.system_identifier
            or coalesce((chunk.created_at, chunk.id) > (state.intake_created_at, state.intake_id), false)
            or coalesce((chunk.xid, chunk.sequence) > (state.xid, state.sequence)
              and chunk.xid < pg_snapshot_xmax(pg_current_snapshot()), false) as is_waiting,
          row_number() over (order by chunk.created_at desc, chunk.id desc) = 1 and count(*) over () = ${chunkSize} as is_last
        from chunk
        cross join pg_control_system() as cluster
        left join public.audit_sequencer as state on true
      ) as entry
      where is_missing or is_last
      order by entry.created_at, entry.id`);
    for (const row of rows) if (row["is_missing"] === true) yield row;
    const last = rows.at(-1);
    if (last?.["is_last"] !== true) return;
    after = { time: last["time"] as string, id: last["id"] as string };
  }
}
