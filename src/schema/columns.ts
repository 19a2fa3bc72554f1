import { type SQL, sql } from "drizzle-orm";
import { type AnyPgColumn, timestamp } from "drizzle-orm/pg-core";

/** A point in time with its zone, read and written as a JavaScript `Date` (ms; the column keeps µs). */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** When the row was made. Set by the database, so that every writer's clock is the same clock. */
export const createdAt = () => instant("created_at").notNull().default(sql`CURRENT_TIMESTAMP`);

/** The form in which emails and usernames are compared: what the unique indexes are built on. */
export const lower = (column: AnyPgColumn): SQL => sql`lower(${column})`;

/** Text in the order of its bytes, whatever the database's collation: what `like 'abc%'` can use an index for. */
export const byteOrder = (text: SQL): SQL => sql`(${text}) collate "C"`;
