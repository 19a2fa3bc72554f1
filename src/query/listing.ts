import { getTableName, type SQL } from "drizzle-orm";
import type { AnyPgColumn, PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { SortField } from "./filter.ts";

/** Columns by the names that callers use. */
export type ListedColumns = Readonly<Record<string, AnyPgColumn>>;

/** One column for each field of a row type, of the field's type. */
export type ColumnsOf<Row> = {
  readonly [Field in keyof Row]: AnyPgColumn<{
    data: NonNullable<Row[Field]>;
    notNull: null extends Row[Field] ? false : true;
  }>;
};

/**
 * What a listing can use one index for: rows that are equal in the fields of `equal`, in the order of the fields of
 * `sort`. An index with both holds the former ascending and the latter descending.
 *
 * `selective`: an equality in the fields of `equal` always leaves few rows, so any further condition and order is
 * cheap. `prefix`: the index also answers a pattern that fixes the beginning of the text.
 */
export interface IndexPath<Field extends string> {
  readonly equal?: readonly Field[];
  readonly sort?: readonly Field[];
  readonly selective?: boolean;
  readonly prefix?: boolean;
}

/** How a table is listed: the columns that callers can read and filter by, and the indexes that answer them. */
export interface Listing {
  readonly table: PgTable;
  /** The primary key. It orders rows that are equal in all other sort fields. */
  readonly key: PgColumn;
  readonly columns: ListedColumns;
  /** SQL that a field is selected as, where that is not its plain column. */
  readonly selections?: { readonly [field: string]: SQL };
  /** Distinguishes this listing from other listings of the same table. */
  readonly view?: string;
  /** The condition that every listed row meets. */
  readonly visible?: SQL | undefined;
  /** Texts that are compared in another form, such as lower case, as their index stores them. */
  readonly normalizations?: { readonly [field: string]: Normalization | undefined };
  readonly indexPaths: readonly IndexPath<string>[];
  readonly defaultSort: { readonly field: string; readonly direction: "asc" | "desc" };
}

/** A listing whose fields are those of a row type. */
export interface ListingOf<Row> extends Listing {
  readonly columns: ListedColumns & ColumnsOf<Row>;
  readonly indexPaths: readonly IndexPath<keyof Row & string>[];
  readonly defaultSort: { readonly field: SortField<Row>; readonly direction: "asc" | "desc" };
}

/** The form in which a text column is compared. */
export interface Normalization {
  /** The expression that equality compares. */
  readonly equal: SQL;
  /** The expression that orders and prefix patterns compare. */
  readonly order: SQL;
  /** Applies the same form to a caller's text, in SQL, so that both sides are computed by PostgreSQL. */
  readonly normalize: (text: SQL) => SQL;
}

export const tableNameOf = ({ table }: Listing): string => getTableName(table);

/** The listing's name in its cursors. A cursor of one listing is refused by every other. */
export const viewOf = (listing: Listing): string => [tableNameOf(listing), listing.view].join("/");
