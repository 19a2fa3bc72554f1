import { and, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { parameterType } from "../database/index.ts";
import type { Path } from "./index-path.ts";
import type { Listing } from "./listing.ts";
import type { Order } from "./order.ts";

/** One sort key of a total order. */
export interface Key {
  readonly expression: SQL;
  readonly type: string;
  readonly descending: boolean;
  readonly nullable: boolean;
  readonly nullsFirst: boolean;
}

/** The keys of a total order: the columns of the order, and the primary key unless one of them is unique. */
export function keysOf(order: readonly Order[], listing: Listing): Key[] {
  const keys = order.map(({ field, direction, nulls }): Key => {
    const column = listing.columns[field] as PgColumn;
    const normalization = listing.normalizations?.[field];
    return {
      expression: normalization?.order ?? sql`${column}`,
      type: normalization === undefined ? parameterType(column) : "text",
      descending: direction === "desc",
      nullable: !column.notNull,
      nullsFirst: nulls === "first",
    };
  });
  // A nullable unique column is not unique among rows that are null.
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

/** The opposite order. */
export const reversed = (keys: readonly Key[]): Key[] =>
  keys.map((key) => ({ ...key, descending: !key.descending, nullsFirst: !key.nullsFirst }));

/** ORDER BY of the keys. NULLS FIRST or LAST is written for nullable keys only, so that indexes match. */
export function orderBy(keys: readonly Key[]): SQL[] {
  return keys.map(({ expression, descending, nullable, nullsFirst }) => {
    const direction = sql.raw(descending ? " desc" : " asc");
    const nulls = sql.raw(nullable ? ` nulls ${nullsFirst ? "first" : "last"}` : "");
    return sql`${expression}${direction}${nulls}`;
  });
}

/** ORDER BY of the keys, with the first equal column of the path before them: see forceIndexColumn. */
export function orderByPath({ equal: [first] = [] }: Path, keys: readonly Key[], { columns }: Listing): SQL[] {
  if (first === undefined) return orderBy(keys);
  return [sql`${columns[first]} ${sql.raw(keys[0]?.descending ? "asc" : "desc")}`, ...orderBy(keys)];
}

/** A key as text without loss. A Date has no microseconds, so a cursor made of it would skip or repeat rows. */
export const exactText = ({ expression, type }: Key): SQL<string | null> =>
  type.startsWith("timestamp") ? sql`to_json(${expression}) #>> '{}'` : sql`(${expression})::text`;

/**
 * Conditions of the rows after a position. Rows of the first condition precede rows of the second one. They are
 * separate because an OR of both would not use the index.
 */
export function afterPosition(keys: readonly Key[], values: readonly (string | null)[]): (SQL | undefined)[] {
  const [first, ...others] = keys;
  // The driver writes every text but "t" and "true" as false for a boolean parameter, so the cast is from text.
  const given = keys.map(({ type }, index) =>
    type === "boolean" ? sql`${values[index] ?? null}::text::boolean` : sql`${values[index] ?? null}::${sql.raw(type)}`,
  );
  const plain = others.every(({ nullable, descending }) => !nullable && descending === first?.descending);
  if (first === undefined || !plain) return [afterEachKey(keys, values, given)];
  if (!first.nullable) return [afterRow(keys, given)];
  // Null rows are a range of the index of their own.
  const none = sql`${first.expression} is null`;
  if (values[0] !== null) return first.nullsFirst ? [afterRow(keys, given)] : [afterRow(keys, given), none];
  const rest = and(none, afterRow(others, given.slice(1)));
  return first.nullsFirst ? [rest, sql`${first.expression} is not null`] : [rest];
}

/** One row comparison, which an index on these columns answers (PostgreSQL manual, Row Constructor Comparison). */
function afterRow(keys: readonly Key[], given: readonly SQL[]): SQL {
  const expressions = sql.join(
    keys.map(({ expression }) => expression),
    sql`, `,
  );
  return sql`(${expressions}) ${sql.raw(keys[0]?.descending ? "<" : ">")} (${sql.join([...given], sql`, `)})`;
}

/** The same for keys of mixed directions: a disjunction with one term for each key. */
function afterEachKey(
  keys: readonly Key[],
  values: readonly (string | null)[],
  given: readonly SQL[],
): SQL | undefined {
  const equalBefore = (index: number) =>
    keys
      .slice(0, index)
      .map(({ expression }, at) =>
        values[at] === null ? sql`${expression} is null` : sql`${expression} = ${given[at]}`,
      );
  return or(
    ...keys.map((key, index) =>
      and(...equalBefore(index), afterValue(key, values[index] ?? null, given[index] as SQL)),
    ),
  );
}

/** Rows after a value in the order of one key. */
function afterValue({ expression, descending, nullable, nullsFirst }: Key, value: string | null, given: SQL): SQL {
  if (value === null) return nullsFirst ? sql`${expression} is not null` : sql`false`;
  const beyond = sql`${expression} ${sql.raw(descending ? "<" : ">")} ${given}`;
  return nullable && !nullsFirst ? sql`(${beyond} or ${expression} is null)` : beyond;
}
