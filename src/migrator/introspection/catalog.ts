import type { ReservedSql, Sql, TransactionSql } from "postgres";
import type { MigrationsTable } from "../history/table-names.ts";
import { catalogQuery } from "./catalog-query.ts";
import { withFixedSettings } from "./catalog-settings.ts";

export interface CatalogOptions {
  /** Left out with its `_runs` table, its `_record` function and its schema, unless that is `public`. */
  readonly migrationsTable: MigrationsTable;
  /** Whether to tell who may do what, default privileges included. Default: true. */
  readonly grants?: boolean;
  /** Whether to tell who owns what. Default: false, because elsewhere it is somebody else. */
  readonly owners?: boolean;
  /** Whether to tell of partitions, and of what belongs to them. Default: true. */
  readonly partitions?: boolean;
}

interface Row {
  readonly about: "object" | "comment" | "owner" | "grants";
  readonly kind: string;
  readonly line: string;
  readonly schema: string | null;
  /** The relation that the object is part of, or the function that it is. */
  readonly part: string | null;
  readonly partition: boolean;
}

/**
 * Everything that migrations make, one line an object, sorted, in words that two databases can be
 * compared by. What belongs to an extension and the position of columns are left out: a column that
 * was dropped can only come back as the last one. Needs PostgreSQL 15 or later; the connection may be
 * in a transaction or not.
 */
export async function readCatalog(sql: Sql | ReservedSql | TransactionSql, options: CatalogOptions): Promise<string[]> {
  const { migrationsTable, grants = true, owners = false, partitions = true } = options;
  // One text of three statements, so that a pool runs all of them on the same connection.
  const results = (await sql.unsafe(withFixedSettings(catalogQuery))) as unknown as Row[][];
  return (results[1] ?? [])
    .filter((row) => grants || row.about !== "grants")
    .filter((row) => owners || row.about !== "owner")
    .filter((row) => partitions || !row.partition)
    .filter((row) => !isBookkeeping(row, migrationsTable))
    .map(({ line }) => line)
    .sort();
}

function isBookkeeping({ kind, schema, part }: Row, migrationsTable: MigrationsTable): boolean {
  if (schema !== migrationsTable.schema) return false;
  if (kind === "schema") return schema !== "public";
  if (kind === "function") return part === `${migrationsTable.table}_record`;
  return part === migrationsTable.table || part === `${migrationsTable.table}_runs`;
}

/** The lines that only one of the two has: `missing` were there before, `extra` came. */
export function compareCatalogs(
  before: readonly string[],
  after: readonly string[],
): { missing: string[]; extra: string[] } {
  const [old, young] = [new Set(before), new Set(after)];
  return { missing: before.filter((line) => !young.has(line)), extra: after.filter((line) => !old.has(line)) };
}
