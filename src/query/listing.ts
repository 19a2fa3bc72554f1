import { getTableName, type SQL } from "drizzle-orm";
import type { AnyPgColumn, PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { SortField } from "./filter.ts";

/** Columns by the names that callers use. */
export type ListedColumns = Readonly<Record<string, AnyPgColumn>>;

/** The columns of a row type: each of its fields is one, of the same type. */
export type ColumnsOf<Row> = {
  readonly [Field in keyof Row]: AnyPgColumn<{
    data: NonNullable<Row[Field]>;
    notNull: null extends Row[Field] ? false : true;
  }>;
};

/**
 * An index, as far as listings use it: rows that equal in these fields, in the order of those. Where it has both, it
 * holds the former upwards and the latter downwards.
 *
 * `few`: rows that equal in these are never many, whatever else is asked of them and in whatever order.
 * `beginning`: it also finds texts by how they begin.
 */
export interface IndexPath<Field extends string> {
  readonly equal?: readonly Field[];
  readonly sort?: readonly Field[];
  readonly few?: boolean;
  readonly beginning?: boolean;
}

/** How a table is listed: what callers may see and ask about, and which indexes answer them. */
export interface Listing {
  readonly table: PgTable;
  /** The primary key; it decides between rows that are otherwise equal. */
  readonly key: PgColumn;
  readonly columns: ListedColumns;
  /** How a column is read, where that is not as it stands. */
  readonly reads?: { readonly [field: string]: SQL };
  /** What tells it from another listing of the same table. */
  readonly view?: string;
  /** Rows that are there at all. */
  readonly visible?: SQL | undefined;
  /** Texts that are compared in another form, such as without regard to case, each as its index has it. */
  readonly forms?: { readonly [field: string]: Form | undefined };
  readonly access: readonly IndexPath<string>[];
  readonly defaultSort: { readonly field: string; readonly direction: "asc" | "desc" };
}

/** A listing, its fields named by its types. */
export interface ListingOf<Row> extends Listing {
  readonly columns: ListedColumns & ColumnsOf<Row>;
  readonly access: readonly IndexPath<keyof Row & string>[];
  readonly defaultSort: { readonly field: SortField<Row>; readonly direction: "asc" | "desc" };
}

export interface Form {
  /** What equality is asked of. */
  readonly equal: SQL;
  /** What order, and the beginning of a text, are asked of. */
  readonly order: SQL;
  /** What a caller's text becomes before it is compared: PostgreSQL's doing, as in the index. */
  readonly given: (text: SQL) => SQL;
}

export const tableNameOf = ({ table }: Listing): string => getTableName(table);

/** The listing's own name: a cursor of it is good for no other. */
export const viewOf = (listing: Listing): string => [tableNameOf(listing), listing.view].join("/");
