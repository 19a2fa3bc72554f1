import type { Sql } from "postgres";
import type { LockMode } from "../impact/lock-modes.ts";

/** The state of a table, partition, materialized view or foreign table at one moment. */
export interface RelationState {
  readonly oid: string;
  /** Quoted where SQL requires it. The schema is omitted when it is `public`. */
  readonly name: string;
  /** pg_class.relkind */
  readonly kind: "r" | "p" | "m" | "f";
  /** The table that it is a partition of. */
  readonly parent: string | null;
  readonly filenode: string;
  /** Number of sequential scans, of all sessions. */
  readonly scans: number;
  /** Names by attnum. */
  readonly columns: Readonly<Record<string, string>>;
  readonly indexes: readonly string[];
}

export type RelationStates = ReadonlyMap<string, RelationState>;

/** The relations of a database and the locks of this session, between two statements. */
export interface LockSnapshot {
  readonly tables: RelationStates;
  /** Lock modes that this session holds, by the oid of the table or index. */
  readonly locks: ReadonlyMap<string, readonly LockMode[]>;
}

/** Reads catalogs and counters only, so that the measurement takes no locks on user tables and does not scan them. */
export async function readLockSnapshot(sql: Sql): Promise<LockSnapshot> {
  return { tables: await readTables(sql), locks: await readLocks(sql) };
}

async function readTables(sql: Sql): Promise<RelationStates> {
  // Pending plus reported counts: the sum does not change when the backend reports its counts.
  const rows = await sql<RelationState[]>`
    select c.oid::text,
      case nspname when 'public' then format('%I', relname) else format('%I.%I', nspname, relname) end as name,
      relkind as kind,
      case when relispartition then (select inhparent::text from pg_inherits where inhrelid = c.oid) end as parent,
      relfilenode::text as filenode,
      (pg_stat_get_xact_numscans(c.oid) + pg_stat_get_numscans(c.oid))::integer as scans,
      (select coalesce(json_object_agg(attnum, format('%I', attname)), '{}') from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped) as columns,
      array(select indexrelid::text from pg_index where indrelid = c.oid) as indexes
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'p', 'm', 'f') and nspname <> 'information_schema' and nspname !~ '^pg_'`.simple();
  return new Map(rows.map((row) => [row.oid, row]));
}

async function readLocks(sql: Sql): Promise<Map<string, LockMode[]>> {
  const rows = await sql<{ oid: string; modes: LockMode[] }[]>`
    select relation::text as oid, array_agg(mode) as modes from pg_locks
    where pid = pg_backend_pid() and locktype = 'relation' and granted
      and database = (select oid from pg_database where datname = current_database())
    group by relation`.simple();
  return new Map(rows.map(({ oid, modes }) => [oid, modes]));
}
