import type { ReservedSql, Sql, TransactionSql } from "postgres";
import type { MigrationsTable } from "../history/table-names.ts";
import { catalogQuery } from "./catalog-query.ts";
import { withFixedSettings } from "./catalog-settings.ts";

export interface CatalogOptions {
  /** Excluded with its `_runs` table, its `_record` function and its schema, unless that is `public`. */
  readonly migrationsTable: MigrationsTable;
  /** Whether to include privileges and default privileges. Default: true. */
  readonly grants?: boolean;
  /** Whether to include owners, which differ between servers. Default: false. */
  readonly owners?: boolean;
  /** Whether to include partitions and their dependent objects. Default: true. */
  readonly partitions?: boolean;
}

interface Row {
  readonly about: "object" | "comment" | "owner" | "grants";
  readonly kind: string;
  readonly line: string;
  readonly schema: string | null;
  /** The relation that the object belongs to, or the name of the function. */
  readonly part: string | null;
  readonly partition: boolean;
}

/**
 * Reads all objects that migrations can create, as one sorted line each, so that two databases can be compared.
 * Members of extensions and the positions of columns are excluded: a column that is dropped and added again becomes
 * the last one. Requires PostgreSQL 15 or later. The connection may be in a transaction.
 */
export async function readCatalog(sql: Sql | ReservedSql | TransactionSql, options: CatalogOptions): Promise<string[]> {
  const { migrationsTable, grants = true, owners = false, partitions = true } = options;
  // One query string of three statements, so that a pool runs them on one connection.
  const results = (await sql.unsafe(withFixedSettings(catalogQuery))) as unknown as Row[][];
  return (results[1] ?? [])
    .filter((row) => grants || row.about !== "grants")
    .filter((row) => owners || row.about !== "owner")
    .filter((row) => partitions || !row.partition)
    .filter((row) => !belongsToMigrationsTable(row, migrationsTable))
    .map(({ line }) => line)
    .sort();
}

function belongsToMigrationsTable({ kind, schema, part }: Row, migrationsTable: MigrationsTable): boolean {
  if (schema !== migrationsTable.schema) return false;
  if (kind === "schema") return schema !== "public";
  if (kind === "function") return part === `${migrationsTable.table}_record`;
  return part === migrationsTable.table || part === `${migrationsTable.table}_runs`;
}

/** Returns the lines that only one catalog has: `missing` are in `before` only, `extra` in `after` only. */
export function compareCatalogs(
  before: readonly string[],
  after: readonly string[],
): { missing: string[]; extra: string[] } {
  const [oldLines, newLines] = [new Set(before), new Set(after)];
  return { missing: before.filter((line) => !newLines.has(line)), extra: after.filter((line) => !oldLines.has(line)) };
}
