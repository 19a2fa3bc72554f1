import { getTableColumns } from "drizzle-orm";
import type { PgTableWithColumns } from "drizzle-orm/pg-core";

/** The key under which Drizzle stores a table's schema; Drizzle does not export it. */
const schemaKey = Symbol.for("drizzle:Schema");

/**
 * Makes Drizzle write `"public"."table"` in every statement: behind a pooler, the role's `search_path` applies. Drizzle
 * refuses `pgSchema("public")` and offers no other way. Columns are qualified with the table name only, so that a
 * subquery can replace the table under the same name.
 */
// biome-ignore lint/suspicious/noExplicitAny: accepts every table.
export function inPublic<Table extends PgTableWithColumns<any>>(table: Table): Table {
  const unqualified: object = Object.create(table as object, { [schemaKey]: { value: undefined } });
  for (const column of Object.values<object>(getTableColumns(table))) Object.assign(column, { table: unqualified });
  return Object.assign(table, { [schemaKey]: "public" });
}
