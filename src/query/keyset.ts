import { and, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { parameterType } from "../database/index.ts";
import type { Sort } from "./filter.ts";
import type { Order, Path } from "./index-path.ts";
import type { Listing } from "./listing.ts";

/** One part of a total order: what rows are sorted by, and which way. */
export interface Key {
  readonly expression: SQL;
  readonly type: string;
  readonly descending: boolean;
  readonly nullable: boolean;
  readonly nullsFirst: boolean;
}

/** What was asked for, with defaults said. */
export function orderOf(sort: Sort<string> | readonly Sort<string>[] | undefined, listing: Listing): Order[] {
  const asked =
    sort === undefined || (Array.isArray(sort) && sort.length === 0) ? [listing.defaultSort] : [sort].flat();
  return (asked as Sort<string>[]).map(({ field, direction = "asc", nulls = "last" }) => ({ field, direction, nulls }));
}

/** The order made total: the primary key decides at last, unless what is asked for is unique by itself. */
export function keysOf(order: readonly Order[], listing: Listing): Key[] {
  const keys = order.map(({ field, direction, nulls }): Key => {
    const column = listing.columns[field] as PgColumn;
    const form = listing.forms?.[field];
    return {
      expression: form?.order ?? sql`${column}`,
      type: form === undefined ? parameterType(column) : "text",
      descending: direction === "desc",
      nullable: !column.notNull,
      nullsFirst: nulls === "first",
    };
  });
  // Many rows can have no value in what is unique.
  const unique = order.some(({ field }) => {
    const column = listing.columns[field];
    return column === listing.key || (column?.isUnique && column.notNull);
  });
  if (unique) return keys;
  const descending = keys.at(-1)?.descending ?? false;
  const { key } = listing;
  return [
    ...keys,
    { expression: sql`${key}`, type: parameterType(key), descending, nullable: false, nullsFirst: false },
  ];
}

/** The same order, read from its end. */
export const reversed = (keys: readonly Key[]): Key[] =>
  keys.map((key) => ({ ...key, descending: !key.descending, nullsFirst: !key.nullsFirst }));

/** Nothing is said of nulls where there are none, so that it reads as indexes have it. */
export function orderBy(keys: readonly Key[]): SQL[] {
  return keys.map(({ expression, descending, nullable, nullsFirst }) => {
    const direction = sql.raw(descending ? " desc" : " asc");
    const nulls = sql.raw(nullable ? ` nulls ${nullsFirst ? "first" : "last"}` : "");
    return sql`${expression}${direction}${nulls}`;
  });
}

/** An order as an index has it that a path reads, its first column said, too. */
export function orderAlong({ equal: [first] = [] }: Path, keys: readonly Key[], { columns }: Listing): SQL[] {
  if (first === undefined) return orderBy(keys);
  return [sql`${columns[first]} ${sql.raw(keys[0]?.descending ? "asc" : "desc")}`, ...orderBy(keys)];
}

/** A key as text that gives back the very value: a Date would lose microseconds, and with them rows. */
export const exact = ({ expression, type }: Key): SQL<string | null> =>
  type.startsWith("timestamp") ? sql`to_json(${expression}) #>> '{}'` : sql`(${expression})::text`;

/** Rows that come behind those values in the order: those of each condition behind those of the one before it. */
export function behind(keys: readonly Key[], values: readonly (string | null)[]): (SQL | undefined)[] {
  const [first, ...others] = keys;
  // As text first: the driver would write any text that is to be a boolean as false.
  const given = keys.map(({ type }, index) =>
    type === "boolean" ? sql`${values[index] ?? null}::text::boolean` : sql`${values[index] ?? null}::${sql.raw(type)}`,
  );
  const plain = others.every(({ nullable, descending }) => !nullable && descending === first?.descending);
  if (first === undefined || !plain) return [behindEach(keys, values, given)];
  if (!first.nullable) return [behindAll(keys, given)];
  // Rows with no value are a stretch of the index by themselves, and in one condition with others it could not be used.
  const none = sql`${first.expression} is null`;
  if (values[0] !== null) return first.nullsFirst ? [behindAll(keys, given)] : [behindAll(keys, given), none];
  const rest = and(none, behindAll(others, given.slice(1)));
  return first.nullsFirst ? [rest, sql`${first.expression} is not null`] : [rest];
}

/** One comparison of rows, which an index on just these columns answers (manual, 9.24.5). */
function behindAll(keys: readonly Key[], given: readonly SQL[]): SQL {
  const expressions = sql.join(
    keys.map(({ expression }) => expression),
    sql`, `,
  );
  return sql`(${expressions}) ${sql.raw(keys[0]?.descending ? "<" : ">")} (${sql.join([...given], sql`, `)})`;
}

/** The same where each key goes its own way. */
function behindEach(keys: readonly Key[], values: readonly (string | null)[], given: readonly SQL[]): SQL | undefined {
  const equalBefore = (index: number) =>
    keys
      .slice(0, index)
      .map(({ expression }, at) =>
        values[at] === null ? sql`${expression} is null` : sql`${expression} = ${given[at]}`,
      );
  return or(
    ...keys.map((key, index) => and(...equalBefore(index), later(key, values[index] ?? null, given[index] as SQL))),
  );
}

/** Values that come later than one, as to one key alone. */
function later({ expression, descending, nullable, nullsFirst }: Key, value: string | null, given: SQL): SQL {
  if (value === null) return nullsFirst ? sql`${expression} is not null` : sql`false`;
  const beyond = sql`${expression} ${sql.raw(descending ? "<" : ">")} ${given}`;
  return nullable && !nullsFirst ? sql`(${beyond} or ${expression} is null)` : beyond;
}
