import { type SQL, sql } from "drizzle-orm";

/** A parameter of a prepared statement, whose type PostgreSQL cannot always tell from where it stands. */
export const typedPlaceholder = (
  name: string,
  type: "text" | "uuid" | "inet" | "integer" | "bigint" | "float8" | "timestamptz",
): SQL => sql`${sql.placeholder(name)}::${sql.raw(type)}`;
