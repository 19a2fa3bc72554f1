import { sql } from "drizzle-orm";
import type { EntrySalts, EntryValues } from "./entry.ts";

/**
 * Settings of a transaction that reads entries: objects in other schemas take the place of none of PostgreSQL's, and a policy
 * that would hide rows is an error.
 */
export const entrySettings = sql`
  select set_config('search_path', 'pg_catalog, pg_temp', true), set_config('row_security', 'off', true)`;

/** A time as an entry has it: in UTC with microseconds. One that no row may have, as PostgreSQL prints it. */
export const entryTime = (column: "leaf.created_at" | "entry.created_at") => {
  const time = sql.raw(column);
  return sql`case when ${time} >= '0001-01-01T00:00:00Z' and ${time} < '10000-01-01T00:00:00Z'
    then to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else concat(${time}) end`;
};

/**
 * The columns of a row of `audit_log as entry` and of its `audit_leaves as leaf`, as `entryValuesOf` reads them. `concat` prints
 * as the type does; a cast of jsonb or inet can be replaced by a function.
 */
export const entryColumns = sql`
  entry.action, entry.actor, entry.acting_id, entry.subject_id, entry.resource_type, entry.resource_id, entry.request_id,
  nullif(concat(entry.changes), '') as changes, nullif(concat(entry.ip_address), '') as ip_address, entry.user_agent,
  leaf.id, ${entryTime("leaf.created_at")} as created_at, leaf.changes_salt, leaf.client_salt`;

/** A row of a statement that selects `entryColumns`. */
export type EntryRow = Readonly<Record<string, unknown>>;

export function entryValuesOf(row: EntryRow): EntryValues {
  const textOf = (name: string) => row[name] as string | null;
  return {
    id: row["id"] as string,
    createdAt: row["created_at"] as string,
    action: row["action"] as string,
    actor: row["actor"] as string,
    actingId: textOf("acting_id"),
    subjectId: textOf("subject_id"),
    resourceType: textOf("resource_type"),
    resourceId: textOf("resource_id"),
    requestId: textOf("request_id"),
    changes: textOf("changes"),
    ipAddress: textOf("ip_address"),
    userAgent: textOf("user_agent"),
  };
}

export const entrySaltsOf = (row: EntryRow): EntrySalts => ({
  changes: row["changes_salt"] as Uint8Array | null,
  client: row["client_salt"] as Uint8Array | null,
});
