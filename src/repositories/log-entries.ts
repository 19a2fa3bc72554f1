import { and, eq, getTableColumns, gte, lt, or, type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { type AnyFilter, type Filter, type ListingOf, whereOf } from "../query/index.ts";
import { auditLeaves, auditLog } from "../schema/index.ts";
import type { AuditEntry } from "./row-types.ts";

/** A row of the audit trail with its place in the log. */
export interface LogEntry {
  readonly index: number;
  readonly entry: AuditEntry;
  /** For each filter, whether it selects the row. */
  readonly matches: readonly boolean[];
}

/** The rows with the indexes from `start` to before `end` that a filter selects, in the order of the log. */
export async function readLogEntries(
  db: Executor,
  listing: ListingOf<AuditEntry>,
  { start, end, filters }: { start: number; end: number; filters: readonly Filter<AuditEntry>[] },
): Promise<LogEntry[]> {
  const { columns, selections } = listing;
  const conditions = filters.map((filter) => whereOf(filter as AnyFilter, listing) ?? sql`true`);
  const matches = sql.join(
    conditions.map((condition) => sql`coalesce(${condition}, false)`),
    sql`, `,
  );
  const selected = Object.fromEntries(
    Object.entries(selections ?? {}).map(([name, selection]) => [name, (selection as SQL).as(name)]),
  );
  const { id, createdAt } = getTableColumns(auditLog);
  // The lateral join looks each row up, whatever the statistics say.
  const found = db
    .select({ ...columns, ...selected, matches: sql`json_build_array(${matches})`.as("matches") } as unknown as Record<
      string,
      SQL
    >)
    .from(auditLog)
    .where(and(eq(id, auditLeaves.id), eq(createdAt, auditLeaves.createdAt), or(...conditions)))
    .limit(1)
    .as("entry") as unknown as Record<string, SQL>;
  const fields = Object.fromEntries([...Object.keys(columns), "matches"].map((name) => [name, found[name] as SQL]));
  const rows = await db
    .select({ ...fields, index: auditLeaves.index })
    .from(auditLeaves)
    .innerJoinLateral(found as never, sql`true`)
    .where(and(gte(auditLeaves.index, start), lt(auditLeaves.index, end)))
    .orderBy(auditLeaves.index);
  return rows.map(({ index, matches: selects, ...entry }: Record<string, unknown>) => ({
    index: index as number,
    entry: entry as unknown as AuditEntry,
    matches: selects as boolean[],
  }));
}
