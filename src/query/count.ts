import { type SQL, type Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";

export async function exactCount(
  db: Executor,
  source: PgTable | Subquery,
  condition: SQL | undefined,
): Promise<number> {
  const [row] = await db
    .select({ count: sql`count(*)`.mapWith(Number) })
    .from(source)
    .where(condition);
  return row?.count ?? 0;
}

/** How many rows the planner expects of a query: its statistics answer, no row is read (manual, 14.1). */
export async function estimate(db: Executor, query: SQL): Promise<number> {
  const [row] = await db.execute<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
    sql`explain (format json) ${query}`,
  );
  return row?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
}
