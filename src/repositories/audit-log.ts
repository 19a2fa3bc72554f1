import DataLoader from "dataloader";
import { inArray, is, sql } from "drizzle-orm";
import { type PgTable, PgTransaction } from "drizzle-orm/pg-core";
import { type Actor, codeOf, type Executor, runWrite, sqlstate } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { type ListingOf, type ListOptions, type Page, readPage } from "../query/index.ts";
import { auditLog, parseInstant, users } from "../schema/index.ts";
import { changesOf } from "./audit-changes.ts";
import type { RepositoryServices } from "./definition.ts";
import type { AuditEntry, AuditPartition } from "./row-types.ts";

export const auditListing: ListingOf<AuditEntry> & { readonly table: PgTable } = {
  table: auditLog,
  key: auditLog.id,
  columns: {
    id: auditLog.id,
    actor: auditLog.actor,
    userId: auditLog.userId,
    action: auditLog.action,
    resourceType: auditLog.resourceType,
    resourceId: auditLog.resourceId,
    changes: auditLog.changes,
    ipAddress: auditLog.ipAddress,
    userAgent: auditLog.userAgent,
    requestId: auditLog.requestId,
    createdAt: auditLog.createdAt,
  },
  selections: { changes: changesOf },
  indexPaths: [
    { sort: ["createdAt"] },
    { equal: ["resourceType", "resourceId"], sort: ["createdAt"] },
    { equal: ["userId"], sort: ["createdAt"] },
    { equal: ["actor"], sort: ["createdAt"] },
    { equal: ["action"], sort: ["createdAt"] },
  ],
  defaultSort: { field: "createdAt", direction: "desc" },
};

/** Something that happened in the game. */
export interface AuditEvent {
  readonly action: string;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly changes?: Record<string, unknown> | undefined;
  /** The account that acted. */
  readonly userId?: string | undefined;
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** Rows that one statement writes. */
const mostGathered = 1_000;

/** The audit trail: it is added to and read, never changed. Changes of tables write theirs by trigger. */
export class AuditLogRepository {
  readonly #services: RepositoryServices;
  /** Those that are recorded in the same turn of the event loop go in one statement, and wait for its commit. */
  readonly #gathered: DataLoader<Recorded, null>;

  constructor(services: RepositoryServices) {
    this.#services = services;
    this.#gathered = new DataLoader((events) => writeTogether(services.db, events), {
      cache: false,
      maxBatchSize: mostGathered,
    });
  }

  /** On the caller's transaction. */
  withTransaction(tx: Executor): AuditLogRepository {
    return new AuditLogRepository({ ...this.#services, db: tx });
  }

  /** Records one event; when it is written, and not before, this resolves. @throws {InvalidInputError} for an account that is not there */
  async record(by: Actor, event: AuditEvent): Promise<void> {
    await this.#gathered.load(recorded(by, event));
  }

  /** Records many events, all or none. @throws {InvalidInputError} for an account that is not there */
  async recordMany(by: Actor, events: readonly AuditEvent[]): Promise<void> {
    const all = events.map((event) => recorded(by, event));
    try {
      await write(this.#services.db, all);
    } catch (error) {
      // On the caller's transaction nothing more can be asked.
      if (!(error instanceof InvalidInputError) || is(this.#services.db, PgTransaction)) throw error;
      const strangers = await strangersIn(this.#services.db, all);
      const at = all.findIndex((event) => strangers.has(event));
      const field = `events.${at}.userId`;
      throw at < 0 ? error : new InvalidInputError(`${field}: there is no such user.`, { field, cause: error.cause });
    }
  }

  /** Newest first unless asked otherwise. */
  list(options: ListOptions<AuditEntry> & { readonly scan?: boolean } = {}): Promise<Page<AuditEntry>> {
    return readPage(this.#services.db, auditListing, this.#services, options);
  }

  /** The months of the trail, oldest first; `rows` as of the last ANALYZE, null before the first. */
  async partitions(): Promise<AuditPartition[]> {
    const rows = await this.#services.db.execute(sql`
      select relname as name, to_json(nullif(lower_bound, '-infinity')) #>> '{}' as first,
        to_json(nullif(upper_bound, 'infinity')) #>> '{}' as beyond,
        case when reltuples >= 0 then reltuples::float8 end as rows, pg_total_relation_size(oid)::float8 as bytes
      from audit_log_bounds() join pg_class on oid = relation
      order by lower_bound`);
    const moment = (text: unknown) => (text === null ? null : parseInstant(String(text)));
    return rows.map((row) => ({
      name: String(row["name"]),
      from: moment(row["first"]),
      to: moment(row["beyond"]),
      rows: row["rows"] as number | null,
      bytes: Number(row["bytes"]),
    }));
  }
}

type Recorded = Readonly<Record<string, unknown>>;

/** The event as a row: who reports it is the actor, whoever it is about. */
function recorded(by: Actor, event: AuditEvent): Recorded {
  return {
    actor: by.name,
    user_id: event.userId ?? by.userId,
    action: event.action,
    resource_type: event.resourceType,
    resource_id: event.resourceId,
    changes: event.changes,
    ip_address: event.ipAddress ?? by.ipAddress,
    user_agent: event.userAgent ?? by.userAgent,
    request_id: by.requestId,
  };
}

/** Those of accounts that are not there spoil no other. @returns what became of each */
async function writeTogether(db: Executor, events: readonly Recorded[]): Promise<(null | Error)[]> {
  try {
    await write(db, events);
    return events.map(() => null);
  } catch (error) {
    if (!(error instanceof InvalidInputError) || events.length === 1) throw error;
    const strangers = await strangersIn(db, events);
    const others = events.filter((event) => !strangers.has(event));
    if (others.length > 0) await write(db, others);
    return events.map((event) => (strangers.has(event) ? error : null));
  }
}

/** Events of accounts that are not there. */
async function strangersIn(db: Executor, events: readonly Recorded[]): Promise<Set<Recorded>> {
  const ids = [...new Set(events.flatMap((event) => event["user_id"] ?? []))] as string[];
  const found = await db.select({ id: users.id }).from(users).where(inArray(users.id, ids));
  const there = new Set(found.map(({ id }) => id));
  return new Set(
    events.filter((event) => event["user_id"] != null && !there.has(String(event["user_id"]).toLowerCase())),
  );
}

async function write(db: Executor, events: readonly Recorded[]): Promise<void> {
  try {
    const insert = sql`
      insert into ${auditLog} (actor, user_id, action, resource_type, resource_id, changes, ip_address, user_agent, request_id, created_at)
      select actor, user_id, action, resource_type, resource_id, changes, ip_address, user_agent, request_id, clock_timestamp()
      from jsonb_populate_recordset(null::${auditLog}, ${JSON.stringify(events)}::jsonb)`;
    await runWrite(db, async () => db.execute(insert));
  } catch (error) {
    if (codeOf(error) !== sqlstate.foreignKeyViolation) throw error;
    throw new InvalidInputError("userId: there is no such user.", { field: "userId", cause: error });
  }
}
