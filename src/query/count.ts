import { type SQL, type Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";

/** Counts the rows that meet a condition. It reads each of them. */
export async function countRows(db: Executor, source: PgTable | Subquery, condition: SQL | undefined): Promise<number> {
  const [row] = await db
    .select({ count: sql`count(*)`.mapWith(Number) })
    .from(source)
    .where(condition);
  return row?.count ?? 0;
}

/** The row count that the planner expects of a query. It reads no row (PostgreSQL manual, 14.1). */
export async function estimateRows(db: Executor, query: SQL): Promise<number> {
  const [row] = await db.execute<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
    sql`explain (format json) ${query}`,
  );
  return row?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
}
