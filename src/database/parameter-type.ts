import type { PgColumn } from "drizzle-orm/pg-core";

/** The SQL type that a parameter for a column is cast to. A varchar's length is left out: a cast would cut the text. */
export const parameterType = (column: PgColumn): string => column.getSQLType().replace(/^varchar\(\d+\)$/, "text");
