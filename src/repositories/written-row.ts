import { type Column, is, SQL, sql } from "drizzle-orm";
import { PgColumn } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { createLookup, type LookupKey, type Query } from "./lookup.ts";

/**
 * A row as JSON, in the form in which clients receive it. PostgreSQL has written it: to read each value of a row, and to
 * write it again, takes the service several times as long.
 *
 * The service answers it as a `Row`, and reads none of its values.
 */
export class WrittenRow<Row extends object> {
  readonly json: string;
  /** The names of its fields that are dates, joined by commas. */
  readonly dates: string;
  declare readonly row: Row;

  constructor(json: string, dates: string) {
    this.json = json;
    this.dates = dates;
  }
}

/** The columns and expressions of a row by their names. */
type Columns = Readonly<Record<string, Column | SQL.Aliased>>;

/**
 * Returns a function that looks up a row by its key, like `createLookup`, as JSON.
 *
 * @param options.find the query of one row, of the fields that it is given
 */
export function createWrittenLookup<Name extends string, Row extends Record<Name, string>>(
  db: Executor,
  options: {
    readonly name: string;
    readonly key: readonly Name[];
    readonly columns: Columns;
    readonly find: (key: Record<Name, SQL>, fields: Record<string, SQL.Aliased>) => Query;
  },
): (key: LookupKey<Name>) => Promise<WrittenRow<Row> | undefined> {
  const { name, key, columns } = options;
  const fields = Object.fromEntries(Object.entries(columns).map(([field, column]) => [field, written(field, column)]));
  const keyFields = Object.fromEntries(
    key.map((field) => [field, sql`${sql.identifier(field)}::text`.as(`key ${field}`)]),
  );
  const find = createLookup<Name, Record<Name, string> & { json: string; dates: string }>(db, {
    name: `${name}_written`,
    key,
    find: (values) =>
      db
        .select({
          ...keyFields,
          json: sql<string>`row_to_json(written)::text`.as("json"),
          dates: sql<string>`concat_ws(',', ${sql.join(Object.entries(columns).flatMap(dateName), sql`, `)})`.as(
            "dates",
          ),
        })
        .from(options.find(values, fields).as("written")),
  });
  return async (values) => {
    const found = await find(values);
    return found && new WrittenRow(found.json, found.dates);
  };
}

const isDate = (column: Column | SQL.Aliased): column is PgColumn =>
  is(column, PgColumn) && column.getSQLType() === "timestamp with time zone";

/** Dates are written in ISO 8601, in UTC and in milliseconds, as JavaScript writes them. */
function written(field: string, column: Column | SQL.Aliased): SQL.Aliased {
  if (is(column, SQL.Aliased)) return column.sql.as(field);
  if (!isDate(column)) return sql`${column}`.as(field);
  return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`.as(field);
}

/** The name of a date, or null where its value is null. */
function dateName([field, column]: [string, Column | SQL.Aliased]): SQL[] {
  if (!isDate(column)) return [];
  const name = sql.raw(`'${field}'`);
  return [column.notNull ? name : sql`case when ${sql.identifier(field)} is not null then ${name} end`];
}
