import { type AnyColumn, type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import { Invalid } from "../errors.ts";

/** A page of a listing. Give `nextCursor` back to get the page behind it; null: this was the last. */
export interface Page<Row> {
  readonly items: Row[];
  readonly nextCursor: string | null;
}

/** Where a page ended: the sort key of its last row. */
export interface Position {
  /** Time of the row, as text: a `Date` would lose the microseconds, and with them rows. */
  readonly at: string;
  readonly id: string;
}

const position = z.tuple([z.iso.datetime({ precision: 6 }), z.guid()]);

/** A position as an opaque text. */
export function encodeCursor({ at, id }: Position): string {
  return Buffer.from(JSON.stringify([at, id])).toString("base64url");
}

/** @throws {Invalid} when the cursor is not one of ours */
export function decodeCursor(cursor: string): Position {
  try {
    const [at, id] = position.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
    return { at, id };
  } catch {
    throw new Invalid("Not a cursor of this listing: pass nextCursor as it came, or none for the first page.", {
      field: "cursor",
    });
  }
}

/** A time column as text in UTC with all its microseconds (ISO 8601). */
export const exactTime = (column: AnyColumn): SQL<string> =>
  sql<string>`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
