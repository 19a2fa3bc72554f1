import type { Sql, TransactionSql } from "postgres";

/** The table in which drizzle-kit records applied migrations (`migrations` in its configuration). */
export interface MigrationsTable {
  readonly schema: string;
  readonly table: string;
}

export const defaultMigrationsTable: MigrationsTable = { schema: "drizzle", table: "__drizzle_migrations" };

/** The quoted names of the migrations table and of the objects that the migrator adds to it. */
export function quotedNames({ schema, table }: MigrationsTable) {
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const inSchema = (text: string) => `${name(schema)}.${name(text)}`;
  return {
    schema: name(schema),
    table: inSchema(table),
    once: name(`${table}_once`),
    runs: inSchema(`${table}_runs`),
    record: inSchema(`${table}_record`),
    trigger: name(`${table}_record`),
  };
}

/** A string literal for a statement without parameters, which takes one round trip instead of two. */
export const quoteLiteral = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** A pool of connections, or one transaction. */
export type HistoryConnection = Sql | TransactionSql;
