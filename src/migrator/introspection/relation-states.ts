import type { ReservedSql, Sql, TransactionSql } from "postgres";
import { isUserSchema } from "./sql-fragments.ts";

/** The state of a table, partition, materialized view or foreign table at one moment. */
export interface RelationState {
  readonly oid: string;
  /** Quoted where SQL requires it. The schema is omitted when it is `public`. */
  readonly name: string;
  /** The same with its schema. */
  readonly qualifiedName: string;
  /** pg_class.relkind */
  readonly kind: "r" | "p" | "m" | "f";
  /** The table that it is a partition of. */
  readonly parent: string | null;
  /** The root of the partition tree; the table itself when it is not a partition. */
  readonly root: string;
  readonly filenode: string;
  /** Number of sequential scans, of all sessions. */
  readonly scans: number;
  /**
   * Rows inserted, updated and deleted in this transaction. The counters include unreported rows of earlier
   * transactions, so that only the difference of two reads is meaningful.
   */
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** By attnum; names are quoted where SQL requires it. */
  readonly columns: Readonly<Record<string, { readonly name: string; readonly type: string }>>;
  readonly indexes: readonly string[];
}

export type RelationStates = ReadonlyMap<string, RelationState>;

/** Reads catalogs and counters only. It takes no locks on user tables and does not scan them. */
export async function readRelationStates(sql: Sql | ReservedSql | TransactionSql): Promise<RelationStates> {
  // Pending plus reported scans: the sum does not change when the backend reports its counts.
  const rows = await sql.unsafe<RelationState[]>(`
    select c.oid::text,
      case nspname when 'public' then format('%I', relname) else format('%I.%I', nspname, relname) end as name,
      format('%I.%I', nspname, relname) as "qualifiedName",
      relkind as kind,
      case when relispartition then (select inhparent::text from pg_inherits where inhrelid = c.oid) end as parent,
      coalesce(case when relispartition then pg_partition_root(c.oid)::oid end, c.oid)::text as root,
      relfilenode::text as filenode,
      (pg_stat_get_xact_numscans(c.oid) + pg_stat_get_numscans(c.oid))::integer as scans,
      pg_stat_get_xact_tuples_inserted(c.oid)::float8 as inserted,
      pg_stat_get_xact_tuples_updated(c.oid)::float8 as updated,
      pg_stat_get_xact_tuples_deleted(c.oid)::float8 as deleted,
      (select coalesce(json_object_agg(attnum, json_build_object('name', format('%I', attname), 'type', format_type(atttypid, atttypmod))), '{}')
       from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns,
      (select coalesce(json_agg(indexrelid::text), '[]') from pg_index where indrelid = c.oid) as indexes
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'p', 'm', 'f') and ${isUserSchema}
    order by nspname, relname`);
  return new Map(rows.map((row) => [row.oid, row]));
}
