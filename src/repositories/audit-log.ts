import { getTableColumns, getTableName, gte, inArray, is, sql } from "drizzle-orm";
import { type PgTable, PgTransaction } from "drizzle-orm/pg-core";
import { type Actor, codeOf, type Executor, runWrite, sqlstate } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { type ListingOf, type ListOptions, type Page, readPage } from "../query/index.ts";
import { auditLeaves, auditLog, auditSequencer, parseInstant, users } from "../schema/index.ts";
import { isUuid } from "../validation/index.ts";
import { changesOf } from "./audit-changes.ts";
import { type LogChunk, type LogPart, readLogEntries } from "./log-entries.ts";
import type { AuditEntry, AuditPartition } from "./row-types.ts";
import { TransactionalRepository } from "./transactional.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

/** The order of the rows is that of their indexes in the log: `xid` and `sequence` are the sequencer's. */
const { xid: _xid, sequence: _sequence, ...columns } = getTableColumns(auditLog);

export const auditListing: ListingOf<AuditEntry> & { readonly table: PgTable } = {
  table: auditLog,
  key: auditLog.id,
  columns,
  selections: { changes: changesOf },
  indexPaths: [
    { sort: ["createdAt"] },
    { equal: ["resourceType", "resourceId"], sort: ["createdAt"] },
    { equal: ["userId"], sort: ["createdAt"] },
    { equal: ["subjectId"], sort: ["createdAt"] },
    { equal: ["actor"], sort: ["createdAt"] },
    { equal: ["action"], sort: ["createdAt"] },
  ],
  defaultSort: { field: "createdAt", direction: "desc" },
};

/** The columns that the service writes. The database sets `id` and `createdAt`, on which it has no INSERT privilege. */
const { id: _id, createdAt: _createdAt, ...writtenColumns } = columns;

/** The values of a new row of the audit trail. */
export type AuditRow = { readonly [Field in keyof typeof writtenColumns]?: AuditEntry[Field] | undefined } & {
  readonly actor: string;
  readonly action: string;
};

/** An event of the game. Without `userId`, `ipAddress` and `userAgent` it has those of its actor. */
export type AuditEvent = {
  readonly [Field in Exclude<keyof AuditRow, "actor" | "action" | "requestId" | "actingId" | "subjectId">]?: Exclude<
    AuditRow[Field],
    null
  >;
} & { readonly action: string };

/**
 * The row of an event. Its actor is the caller that reports it. It is about the account that it names as its resource, or
 * else about its user.
 */
export function auditRowOf(by: Actor, event: AuditEvent): AuditRow {
  const { resourceType, resourceId } = event;
  const userId = event.userId ?? by.userId;
  const isAboutAccount = resourceType === getTableName(users) && resourceId !== undefined && isUuid(resourceId);
  return {
    ...event,
    actor: by.name,
    userId,
    actingId: userId,
    subjectId: isAboutAccount ? resourceId : event.userId,
    ipAddress: event.ipAddress ?? by.ipAddress,
    userAgent: event.userAgent ?? by.userAgent,
    requestId: by.requestId,
  };
}

/** The audit trail. Rows are inserted and read, never changed. Triggers record the changes of tables. */
export class AuditLogRepository extends TransactionalRepository {
  #insert: ReturnType<typeof prepareInsert> | undefined;
  /** Inserts rows in one statement. @throws {InvalidInputError} for an unknown user */
  async insert(rows: readonly AuditRow[]): Promise<void> {
    this.#insert ??= prepareInsert(this.db);
    const insert = this.#insert;
    const json = JSON.stringify(rows.map(byColumn));
    try {
      await runWrite(this.db, () => insert.execute({ rows: json }));
    } catch (error) {
      // user_id is the only foreign key.
      if (codeOf(error) !== sqlstate.foreignKeyViolation) throw error;
      throw new InvalidInputError("userId: there is no such user.", { field: "userId", cause: error });
    }
  }

  /** Records many events, all or none. @throws {InvalidInputError} for an unknown user */
  async recordMany(by: Actor, events: readonly AuditEvent[]): Promise<void> {
    const rows = events.map((event) => auditRowOf(by, event));
    try {
      await this.insert(rows);
    } catch (error) {
      // A failed transaction of the caller accepts no more queries.
      if (!(error instanceof InvalidInputError) || is(this.db, PgTransaction)) throw error;
      const unknown = await this.withUnknownUsers(rows);
      const at = rows.findIndex((row) => unknown.has(row));
      const field = `events.${at}.userId`;
      throw at < 0 ? error : new InvalidInputError(`${field}: there is no such user.`, { field, cause: error.cause });
    }
  }

  /** The rows whose user does not exist. */
  async withUnknownUsers(rows: readonly AuditRow[]): Promise<ReadonlySet<AuditRow>> {
    const ids = [...new Set(rows.flatMap(({ userId }) => userId ?? []))];
    const found = await this.db.select({ id: users.id }).from(users).where(inArray(users.id, ids));
    const known = new Set(found.map(({ id }) => id));
    return new Set(rows.filter(({ userId }) => userId != null && !known.has(userId.toLowerCase())));
  }

  /** A page of the trail, newest first by default. */
  list(options: ListOptions<AuditEntry> & { readonly scan?: boolean } = {}): Promise<Page<AuditEntry>> {
    return readPage(this.db, auditListing, this.services, options);
  }

  /** The number of rows that have an index in the log. */
  async logSize(): Promise<number> {
    const [row] = await this.db.select({ size: auditSequencer.size }).from(auditSequencer);
    return row?.size ?? 0;
  }

  /** The first index of a row of a time or later; the size of the log without one. */
  async firstIndexFrom(time: Date): Promise<number> {
    const [row] = await this.db
      .select({ index: sql<number | null>`min(${auditLeaves.index})::float8` })
      .from(auditLeaves)
      .where(gte(auditLeaves.createdAt, time));
    return row?.index ?? this.logSize();
  }

  /** The rows with the indexes from `start` to before `end` that a filter selects, in the order of the log. */
  readLog(range: LogPart): Promise<LogChunk> {
    return readLogEntries(this.db, auditListing, range);
  }

  /** The monthly partitions of the trail, oldest first. */
  async partitions(): Promise<AuditPartition[]> {
    const rows = await this.db.execute(sql`
      select relname as name, to_json(nullif(lower_bound, '-infinity')) #>> '{}' as first,
        to_json(nullif(upper_bound, 'infinity')) #>> '{}' as beyond,
        case when reltuples >= 0 then reltuples::float8 end as rows, pg_total_relation_size(oid)::float8 as bytes
      from audit_log_bounds() join pg_class on oid = relation
      order by lower_bound`);
    const instant = (text: unknown) => (text === null ? null : parseInstant(String(text)));
    return rows.map((row) => ({
      name: String(row["name"]),
      from: instant(row["first"]),
      to: instant(row["beyond"]),
      rows: row["rows"] as number | null,
      bytes: Number(row["bytes"]),
    }));
  }
}

/** Prepares the statement that inserts any number of rows, given as JSON. */
function prepareInsert(db: Executor) {
  const names = sql.join(
    Object.values(writtenColumns).map(({ name }) => sql.identifier(name)),
    sql`, `,
  );
  // Drizzle's own insert names every column.
  const inserted = db.$with("inserted", {}).as(
    sql`insert into ${auditLog} (${names}) select ${names}
      from jsonb_populate_recordset(null::${auditLog}, ${typedPlaceholder("rows", "text")}::jsonb)`,
  );
  return db.with(inserted).select({ done: sql`1` }).from(sql`(select) as nothing`).prepare("audit_log_insert");
}

const byColumn = (row: AuditRow): Record<string, unknown> =>
  Object.fromEntries(Object.entries(writtenColumns).map(([field, { name }]) => [name, row[field as keyof AuditRow]]));
