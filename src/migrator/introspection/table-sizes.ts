import type { Sql } from "postgres";

/** The size of a table. The properties are undefined when the table does not exist. */
export interface TableSize {
  /** The estimate of pg_class; counted, up to `maxCountedRows`, when the table has never been analyzed. */
  readonly rows?: number | undefined;
  readonly bytes?: number | undefined;
  /** Whether it is a materialized view. */
  readonly materialized?: boolean | undefined;
}

export type TableSizes = ReadonlyMap<string, TableSize>;

const maxCountedRows = 100_000;

/** Returns sizes by the SQL names of the tables. Partitions are included. */
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
    `select count(*)::int as rows from (select from ${table} limit ${maxCountedRows}) as part`,
  );
  return Number(row?.["rows"]);
}
