import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { instant } from "./instant.ts";

/** The time of the insert, by the clock of the database, so that rows of different servers are comparable. */
export const createdAt = () => instant("created_at").notNull().default(sql`CURRENT_TIMESTAMP`);

/** The normalized form in which emails and usernames are compared, and the expression of their unique indexes. */
export const lower = (column: AnyPgColumn): SQL => sql`lower(${column})`;

/** `lower` of a search value. Collation "C" is that of the columns; a Turkish collation would turn I into ı. */
export const lowerText = (text: SQLWrapper): SQL => sql`lower(${text} collate "C")`;

/** Text in byte order. `LIKE 'abc%'` uses an index of this order only (PostgreSQL manual, 11.2.1). */
export const byteOrder = (text: SQL): SQL => sql`(${text}) collate "C"`;
