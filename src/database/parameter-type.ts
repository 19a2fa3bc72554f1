import type { PgColumn } from "drizzle-orm/pg-core";

/**
 * The SQL type to cast a parameter for this column to. A varchar becomes `text`: a cast to `varchar(n)` would silently
 * truncate the value.
 */
export const parameterType = (column: PgColumn): string => column.getSQLType().replace(/^varchar\(\d+\)$/, "text");
