import { getTableColumns } from "drizzle-orm";
import type { PgTableWithColumns } from "drizzle-orm/pg-core";

/** Drizzle's own key; its class keeps it to itself. */
const schemaKey = Symbol.for("drizzle:Schema");

/**
 * A table of the schema `public`, which every statement names: behind a pooler, `search_path` is the role's.
 * Drizzle refuses `pgSchema("public")` and has no other way to say it. Columns are named by their table alone, so that a
 * subquery may stand in its place under its name.
 */
// biome-ignore lint/suspicious/noExplicitAny: any table at all.
export function inPublic<Table extends PgTableWithColumns<any>>(table: Table): Table {
  const unqualified: object = Object.create(table as object, { [schemaKey]: { value: undefined } });
  for (const column of Object.values<object>(getTableColumns(table))) Object.assign(column, { table: unqualified });
  return Object.assign(table, { [schemaKey]: "public" });
}
