import type { Sql } from "postgres";

/** How big a table is; undefined where it is not there (yet). */
export interface TableSize {
  /** As PostgreSQL estimates it; counted up to `countedRows` where it has never looked. */
  readonly rows?: number | undefined;
  readonly bytes?: number | undefined;
  /** A materialized view: it is refreshed, not written. */
  readonly materialized?: boolean | undefined;
}

export type TableSizes = ReadonlyMap<string, TableSize>;

const countedRows = 100_000;

/** Sizes of tables by their SQL names, partitions included. */
export async function readTableSizes(sql: Sql, tables: readonly string[]): Promise<TableSizes> {
  const sizes = new Map<string, TableSize>();
  for (const table of tables) {
    const [row] = await sql`
      with parts as (
        select coalesce(relid, to_regclass(${table})) as oid
        from (select 1) as one left join pg_partition_tree(to_regclass(${table})) on isleaf
      )
      select sum(reltuples)::float8 as rows, sum(pg_total_relation_size(oid))::float8 as bytes, min(reltuples) < 0 as unknown,
        bool_or(relkind = 'm') as materialized
      from parts join pg_class using (oid)`;
    if (row?.["rows"] == null) continue;
    const rows = row["unknown"] ? await countUpTo(sql, table) : row["rows"];
    sizes.set(table, { rows, bytes: row["bytes"], ...(row["materialized"] && { materialized: true }) });
  }
  return sizes;
}

async function countUpTo(sql: Sql, table: string): Promise<number> {
  const [row] = await sql.unsafe(
    `select count(*)::int as rows from (select from ${table} limit ${countedRows}) as part`,
  );
  return Number(row?.["rows"]);
}
