import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import type { LogPosition } from "../position.ts";
import { tileWidth } from "../tree.ts";
import type { LogRange } from "./entries.ts";

/**
 * The indexes from one position of the log to before another. Those of whole tiles of the tree, so that their nodes can be
 * computed.
 */
export async function readRange(
  tx: Executor,
  { from, to, size }: { from: LogPosition | undefined; to: LogPosition | undefined; size: number },
): Promise<LogRange> {
  const indexOf = async (position: LogPosition | undefined, other: number, read: typeof firstIndexFrom) => {
    if (position === undefined) return other;
    return Math.min("index" in position ? position.index : await read(tx, position.time), size);
  };
  const start = await indexOf(from, 0, firstIndexFrom);
  const end = Math.max(start, await indexOf(to, size, endBefore));
  if (start === end) return { start, end };
  return { start: start - (start % tileWidth), end: Math.min(Math.ceil(end / tileWidth) * tileWidth, size) };
}

/** The first index of a row of a time or later. Infinity without one. */
async function firstIndexFrom(tx: Executor, time: Date): Promise<number> {
  const [row] = await tx.execute(sql`
    select coalesce(min(index)::float8, 'infinity') as index from public.audit_leaves where created_at >= ${time.toISOString()}::timestamptz`);
  return Number(row?.["index"]);
}

/** The index after the last row before a time. */
async function endBefore(tx: Executor, time: Date): Promise<number> {
  const [row] = await tx.execute(sql`
    select coalesce(max(index) + 1, 0)::float8 as index from public.audit_leaves where created_at < ${time.toISOString()}::timestamptz`);
  return Number(row?.["index"]);
}
