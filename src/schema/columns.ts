import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { instant } from "./instant.ts";

/** When the row was made. Set by the database, so that every writer's clock is the same clock. */
export const createdAt = () => instant("created_at").notNull().default(sql`CURRENT_TIMESTAMP`);

/** The form in which emails and usernames are compared: what the unique indexes are built on, by the columns' collation "C". */
export const lower = (column: AnyPgColumn): SQL => sql`lower(${column})`;

/** The same of a text that is looked for: by the database's own collation, I could become ı (Turkish). */
export const lowerText = (text: SQLWrapper): SQL => sql`lower(${text} collate "C")`;

/** Text in the order of its bytes, whatever the database's collation: what `like 'abc%'` can use an index for. */
export const byteOrder = (text: SQL): SQL => sql`(${text}) collate "C"`;
