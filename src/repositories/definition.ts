import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { z } from "zod";
import type { Executor } from "../database/index.ts";
import type { ListingOf, PageServices } from "../query/index.ts";

/** What a repository uses. */
export interface RepositoryServices extends PageServices {
  /** The pool, or the caller's transaction. */
  readonly db: Executor;
}

/** A table, as its repository uses it. */
export interface Definition<Table extends PgTable, Row> extends ListingOf<Row> {
  readonly table: Table;
  /** The name of one row in messages, as in "There is no such user." */
  readonly noun: string;
  /** The column that changes with each update, so that an update can require the version that the caller read. */
  readonly version?: PgColumn;
  /** Schemas that validate a row in bulk writes, with messages for the caller. */
  readonly rules?: { readonly create: z.ZodType; readonly update: z.ZodType };
  /** Fields that are unique beside the key. Bulk writes name them when they refuse a row. */
  readonly unique?: readonly (keyof Row & string)[];
}

export type Insert<Table extends PgTable> = Table["$inferInsert"];

/** A change of some fields. A field that is undefined is not changed. */
export type Change<Table extends PgTable> = {
  readonly [Field in keyof Insert<Table>]?: Insert<Table>[Field] | undefined;
};
