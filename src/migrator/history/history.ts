import { type HistoryConnection, type MigrationsTable, quotedNames, quoteLiteral } from "./table-names.ts";

/** One row of the migrations table: a migration that was applied, by this migrator or by drizzle-kit. */
export interface HistoryRecord {
  readonly id: number;
  /** The migration's time in the journal (ms since 1970). */
  readonly when: number;
  readonly hash: string;
  /** Undefined when drizzle-kit applied it before the migrator recorded times. */
  readonly appliedAt: Date | undefined;
  /** How long it ran (ms). */
  readonly duration: number | undefined;
}

/** The content of the migrations table. */
export interface History {
  /** In the order in which they were applied. */
  readonly applied: readonly HistoryRecord[];
  /** Completed statements of each unfinished migration that runs without a transaction, by `when`. */
  readonly unfinished: ReadonlyMap<number, number>;
}

/** Returns the recorded migrations; none when the migrations table does not exist. */
export async function readHistory(sql: HistoryConnection, migrationsTable: MigrationsTable): Promise<History> {
  const { table, runs } = quotedNames(migrationsTable);
  // The service's role may have the right to read the migrations table alone.
  const [readable] = await sql.unsafe(`
    select to_regclass(${quoteLiteral(table)}) is not null as records,
      has_table_privilege(to_regclass(${quoteLiteral(runs)}), 'select') as runs`);
  if (readable?.["records"] !== true) return { applied: [], unfinished: new Map() };
  const rows = await sql.unsafe(
    readable["runs"] === true
      ? `
    select id, created_at, hash, applied_at, coalesce(cardinality(statements), 0) as done,
      -- Once its down migration has begun, started_at is the time of that one.
      case when started_at <= applied_at then extract(epoch from applied_at - started_at) * 1000 end as duration
    from ${table} as record full join ${runs} as run using (created_at)
    where id is not null or cardinality(statements) > 0
    order by id`
      : `select id, created_at, hash, 0 as done from ${table} order by id`,
  );
  const applied = rows
    .filter((row) => row["id"] !== null)
    .map((row) => ({
      id: Number(row["id"]),
      when: Number(row["created_at"]),
      hash: String(row["hash"]),
      appliedAt: row["applied_at"] ? new Date(row["applied_at"]) : undefined,
      duration: row["duration"] ? Math.round(Number(row["duration"])) : undefined,
    }));
  const unfinished = rows
    .filter((row) => row["done"] > 0)
    .map((row) => [Number(row["created_at"]), row["done"]] as const);
  return { applied, unfinished: new Map(unfinished) };
}
