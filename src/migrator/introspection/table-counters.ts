import type { TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";

/** The write counters and columns of a table, partition or materialized view in this transaction. */
export interface TableCounters {
  readonly oid: string;
  readonly name: string;
  /** pg_class.relkind */
  readonly kind: "r" | "p" | "m";
  /** The root of the partition tree; the table itself when it is not a partition. */
  readonly root: string;
  readonly file: string;
  /**
   * Rows inserted, updated and deleted. The counters include unreported rows of earlier transactions, so that only
   * the difference of two reads is meaningful.
   */
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** By attnum. */
  readonly columns: Readonly<Record<string, { readonly name: string; readonly type: string }>>;
}

export type TableCountersByOid = ReadonlyMap<string, TableCounters>;

/** Reads catalogs and the counters of this transaction. It takes no locks on user tables and reads no rows. */
export async function readTableCounters(tx: TransactionSql): Promise<TableCountersByOid> {
  const rows = (await tx.unsafe(`
    select c.oid::text, format('%I.%I', nspname, relname) as name, relkind as kind,
      coalesce(case when relispartition then pg_partition_root(c.oid)::oid end, c.oid)::text as root,
      relfilenode::text as file,
      pg_stat_get_xact_tuples_inserted(c.oid)::float8 as inserted,
      pg_stat_get_xact_tuples_updated(c.oid)::float8 as updated,
      pg_stat_get_xact_tuples_deleted(c.oid)::float8 as deleted,
      (select coalesce(json_object_agg(attnum, json_build_object('name', format('%I', attname), 'type', format_type(atttypid, atttypmod))), '{}')
       from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'p', 'm') and relpersistence <> 't' and nspname !~ '^pg_' and nspname <> 'information_schema'
    order by nspname, relname`)) as unknown as TableCounters[];
  return new Map(rows.map((row) => [row.oid, row]));
}

/**
 * Whether a table was truncated, which no counter shows. TRUNCATE assigns a new file, as a rewrite does; but after a
 * rewrite the table holds more rows than this transaction has inserted. An unreadable table counts as truncated.
 */
export async function isTruncated(tx: TransactionSql, before: TableCounters, now: TableCounters): Promise<boolean> {
  if (before.file === now.file) return false;
  const inserted = now.inserted - before.inserted;
  const some = `select from only ${now.name} limit ${inserted + 1}`;
  const [row] = await tx
    .savepoint((inner) => inner.unsafe(`select count(*)::float8 as rows from (${some}) as part`))
    // Row security would hide rows.
    .catch((error: unknown) => {
      if (codeOf(error) !== sqlstate.insufficientPrivilege) throw error;
      return [];
    });
  return row === undefined || row["rows"] <= inserted;
}

/**
 * Checks deferred constraints, as the commit between two migrations does, and defers them again. Pending trigger events
 * would prevent the next migration from altering their tables.
 */
export async function settleConstraints(tx: TransactionSql): Promise<void> {
  const [row] = await tx.unsafe(`
    select string_agg(format('%I.%I', nspname, conname), ', ') as deferred
    from pg_constraint join pg_namespace n on n.oid = connamespace where condeferred`);
  await tx.unsafe(
    `set constraints all immediate${row?.["deferred"] ? `; set constraints ${row["deferred"]} deferred` : ""}`,
  );
}
