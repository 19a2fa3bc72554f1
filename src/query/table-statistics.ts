import { sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";

/** How long an estimate is cached (ms). */
const cacheTime = 10_000;

/** Estimated row counts of tables, by table name. */
export interface TableStatistics {
  readonly estimatedRows: (db: Executor, table: string) => Promise<number>;
}

/** Table statistics that are read from the catalog at most once in 10 s for each table. */
export function createTableStatistics(): TableStatistics {
  const cached = new Map<string, { rows: number; until: number }>();
  return {
    async estimatedRows(db, table) {
      const entry = cached.get(table);
      if (entry !== undefined && entry.until > Date.now()) return entry.rows;
      const rows = await estimateTableRows(db, table);
      cached.set(table, { rows, until: Date.now() + cacheTime });
      return rows;
    },
  };
}

/**
 * The planner's estimate: the row density of the last ANALYZE, times the present size of the table. Before the first
 * ANALYZE a row counts as 200 bytes. A partitioned table is the sum of its partitions.
 */
async function estimateTableRows(db: Executor, name: string): Promise<number> {
  const [row] = await db.execute(sql`
    select coalesce(sum(pg_relation_size(oid) * case when relpages > 0 and reltuples >= 0
      then reltuples / relpages / current_setting('block_size')::int else 1 / 200.0 end), 0)::float8 as rows
    from pg_class where oid = ${name}::regclass and relkind = 'r' or oid in (select relid from pg_partition_tree(${name}) where isleaf)`);
  return Math.round(Number(row?.["rows"]));
}
