import { type Column, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn, PgColumn, PgTable } from "drizzle-orm/pg-core";
import { parameterType } from "../database/index.ts";

/** A table, with what statements for many rows use of it. The definition of a repository has these members. */
export interface BulkTarget {
  readonly table: PgTable;
  readonly key: PgColumn;
  readonly columns: Readonly<Record<string, AnyPgColumn>>;
  /** The condition that every visible row meets. */
  readonly visible?: SQL | undefined;
  /** What one row is called in messages. */
  readonly noun: string;
  /** The column that changes with each update. */
  readonly version?: PgColumn;
  /** Fields that are unique beside the key. */
  readonly unique?: readonly string[];
  /** Unique fields that are compared in another form than they are stored in. */
  readonly normalizations?: { readonly [field: string]: { equal: SQL; normalize: (text: SQL) => SQL } | undefined };
}

export type RowFields = Readonly<Record<string, unknown>>;

/** The field of a column. */
export function fieldOf(columns: Readonly<Record<string, Column>>, column: PgColumn): string {
  return Object.keys(columns).find((field) => columns[field] === column) ?? column.name;
}

/** The quoted name of a column, without its table. */
export function identifier(column: Column | undefined): SQL {
  if (column === undefined) throw new TypeError("no such column");
  return sql`${sql.identifier(column.name)}`;
}

/**
 * A function that maps keys which PostgreSQL considers equal to the same text. A UUID has several spellings
 * (PostgreSQL manual, 8.12).
 */
export function keyNormalizer(key: PgColumn): (value: unknown) => string {
  if (parameterType(key) !== "uuid") return String;
  return (value) =>
    String(value)
      .toLowerCase()
      .replace(/[^0-9a-f]/g, "");
}
