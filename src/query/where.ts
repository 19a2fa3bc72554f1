import { and, is, type SQL, sql } from "drizzle-orm";
import { PgArray, type PgColumn } from "drizzle-orm/pg-core";
import { parameterType } from "../database/index.ts";
import { formatInstant } from "../schema/index.ts";
import type { Listing } from "./listing.ts";

/** A filter that the schema of filter-schema.ts has validated. */
export type AnyFilter = Readonly<Record<string, unknown>>;

/** The operators of one field's condition. A bare value is `eq`, null is `isNull`. */
export function operatorsOf(condition: unknown): [operator: string, operand: unknown][] {
  if (condition === null) return [["isNull", true]];
  if (typeof condition !== "object" || condition instanceof Date) return [["eq", condition]];
  return Object.entries(condition).filter(([, operand]) => operand !== undefined);
}

/** The SQL of a filter. Every value of the caller is a parameter. */
export function whereOf(filter: AnyFilter, listing: Listing): SQL | undefined {
  const parts = Object.entries(filter).flatMap(([name, value]): (SQL | undefined)[] => {
    if (value === undefined) return [];
    if (name === "and") return (value as AnyFilter[]).map((part) => whereOf(part, listing));
    if (name === "or") return [anyOf((value as AnyFilter[]).map((part) => whereOf(part, listing)))];
    if (name === "not") return [negation(whereOf(value as AnyFilter, listing))];
    return operatorsOf(value).map(([operator, operand]) => conditionOf(name, operator, operand, listing));
  });
  return and(...parts);
}

const always = sql`true`;

function anyOf(parts: (SQL | undefined)[]): SQL {
  return parts.length === 0
    ? sql`false`
    : sql`(${sql.join(
        parts.map((part) => part ?? always),
        sql` or `,
      )})`;
}

/** The negation in which null counts as false: a comparison with null does not hold, so its opposite holds. */
const negation = (part: SQL | undefined): SQL => sql`(${part ?? always}) is not true`;

function conditionOf(field: string, operator: string, operand: unknown, listing: Listing): SQL {
  const column = listing.columns[field] as PgColumn;
  const normalization = listing.normalizations?.[field];
  const text = (given: string) => normalization?.normalize(sql`${given}::text`) ?? sql`${given}`;
  const value = (given: unknown) => (normalization === undefined ? asValue(given, column) : text(String(given)));
  const values = (given: unknown) => sql`(${sql.join((given as unknown[]).map(value), sql`, `)})`;
  const equal = normalization?.equal ?? sql`${column}`;
  const order = normalization?.order ?? sql`${column}`;

  switch (operator) {
    case "eq":
      return operand === null ? sql`${column} is null` : sql`${equal} = ${value(operand)}`;
    // See forceIndexColumn.
    case "equalAny":
      return sql`${equal} = any(array[${value(operand)}])`;
    case "ne":
      return operand === null ? sql`${column} is not null` : sql`${equal} is distinct from ${value(operand)}`;
    case "in":
      return (operand as unknown[]).length === 0 ? sql`false` : sql`${equal} in ${values(operand)}`;
    case "notIn":
      return (operand as unknown[]).length === 0 ? always : sql`(${equal} in ${values(operand)}) is not true`;
    case "isNull":
      return operand === true ? sql`${column} is null` : sql`${column} is not null`;
    case "gt":
      return sql`${order} > ${value(operand)}`;
    case "gte":
      return sql`${order} >= ${value(operand)}`;
    case "lt":
      return sql`${order} < ${value(operand)}`;
    case "lte":
      return sql`${order} <= ${value(operand)}`;
    case "like":
    case "ilike": {
      const pattern = text(patternOf(String(operand)));
      return operator === "like" || normalization !== undefined
        ? sql`${order} like ${pattern}`
        : sql`${order} ilike ${pattern}`;
    }
    case "contains":
      return is(column, PgArray)
        ? sql`${column} @> ${sql.param(operand, column)}`
        : sql`${column} @> ${JSON.stringify(operand)}::jsonb`;
    default:
      throw new TypeError(`no such operator: ${operator}`);
  }
}

/** A parameter with a cast to the column's type: PostgreSQL cannot infer it in every position. */
function asValue(value: unknown, column: PgColumn): SQL {
  const encoded = value instanceof Date ? formatInstant(value) : value;
  return sql`${encoded}::${sql.raw(parameterType(column))}`;
}

/** A pattern of LIKE: `*` becomes `%`, and `\*` becomes `*`. Characters that LIKE treats specially are escaped. */
function patternOf(text: string): string {
  return text.replace(/\\\*|[*%_\\]/g, (found) => (found === "*" ? "%" : found === "\\*" ? "*" : `\\${found}`));
}

/** Whether a pattern has at most one `*`, at its end, and no escape. Only such a pattern is a range of an index. */
export const isPrefixPattern = (pattern: string): boolean => /^[^*\\]+\*?$/.test(pattern);
