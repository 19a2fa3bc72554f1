import { and, eq, getTableColumns, gte, lt, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { type AnyFilter, type Filter, type ListingOf, whereOf } from "../query/index.ts";
import { auditLeaves, auditLog } from "../schema/index.ts";
import { changesTextOf, readChanges } from "./audit-changes.ts";
import type { AuditEntry } from "./row-types.ts";

/** A row of the audit trail with its place in the log. */
export interface LogEntry {
  readonly index: number;
  /** About the size of the row as JSON (bytes). */
  readonly size: number;
  /** For each filter, whether it selects the row. */
  readonly matches: readonly boolean[];
  /** Returns the row. Its changes are kept as text until then, because objects take many times the memory. */
  readonly toEntry: () => AuditEntry;
}

export interface LogChunk {
  readonly entries: readonly LogEntry[];
  /** The index after the last one that was read. */
  readonly end: number;
}

export interface LogPart {
  readonly start: number;
  readonly end: number;
  /** Rows that none of them selects are left out. */
  readonly filters: readonly Filter<AuditEntry>[];
  /** The chunk ends with the row that reaches this size (bytes). */
  readonly maxSize: number;
}

/** The size of a row without its changes (bytes). */
const baseSize = 400;

/** The rows with the indexes from `start` to before `end` that a filter selects, in the order of the log. */
export async function readLogEntries(
  db: Executor,
  listing: ListingOf<AuditEntry>,
  { start, end, filters, maxSize }: LogPart,
): Promise<LogChunk> {
  const { columns } = listing;
  const conditions = filters.map(
    (filter) => sql`coalesce(${whereOf(filter as AnyFilter, listing) ?? sql`true`}, false)`,
  );
  const { id, createdAt } = getTableColumns(auditLog);
  // The lateral join looks each row up, whatever the statistics say. Named as the table, so that its columns are found in it.
  const found = db
    .select({ ...columns, matches: sql`array[${sql.join(conditions, sql`, `)}]`.as("matches") })
    .from(auditLog)
    .where(and(eq(id, auditLeaves.id), eq(createdAt, auditLeaves.createdAt)))
    .limit(1)
    .as("audit_log");
  const selected = db
    .select({
      ...columns,
      changes: changesTextOf.as("changes"),
      matches: sql<boolean[]>`to_json(matches)`.as("matches"),
      index: auditLeaves.index,
    })
    .from(auditLeaves)
    .innerJoinLateral(found as never, sql`true`)
    .where(and(gte(auditLeaves.index, start), lt(auditLeaves.index, end), sql`true = any(matches)`))
    // Not merged into the outer query, where the text of the changes would be made twice.
    .offset(sql`0` as never)
    .as("selected");
  const size = sql<number>`(${baseSize}::integer + coalesce(octet_length(${selected.changes}), 0))`;
  const measured = db
    .select({
      ...selected._.selectedFields,
      size: size.as("size"),
      before: sql`sum(${size}) over (order by index) - ${size}`.as("before"),
    })
    .from(selected)
    .as("measured");
  const { before, ...fields } = measured._.selectedFields;
  const rows = await db.select(fields).from(measured).where(lt(before, maxSize)).orderBy(measured.index);
  const entries = rows.map(({ index, size, matches, changes, ...row }) => ({
    index,
    size,
    matches,
    toEntry: () => ({ ...row, changes: changes === null ? null : readChanges(changes) }),
  }));
  const isFull = entries.reduce((sum, entry) => sum + entry.size, 0) >= maxSize;
  return { entries, end: isFull ? (entries.at(-1)?.index ?? start) + 1 : end };
}
