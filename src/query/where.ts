import { and, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { parameterType } from "../database/index.ts";
import { formatInstant } from "../schema/index.ts";
import type { Listing } from "./listing.ts";

/** A filter, once it has been looked over: see filter-schema.ts. */
export type AnyFilter = Readonly<Record<string, unknown>>;

/** Conditions of one field, a bare value spelt out as what it means. */
export function operatorsOf(condition: unknown): [operator: string, operand: unknown][] {
  if (condition === null) return [["isNull", true]];
  if (typeof condition !== "object" || condition instanceof Date) return [["eq", condition]];
  return Object.entries(condition).filter(([, operand]) => operand !== undefined);
}

/** The SQL of a filter. Everything a caller wrote is a parameter. */
export function whereOf(filter: AnyFilter, listing: Listing): SQL | undefined {
  const parts = Object.entries(filter).flatMap(([name, value]): (SQL | undefined)[] => {
    if (value === undefined) return [];
    if (name === "and") return (value as AnyFilter[]).map((part) => whereOf(part, listing));
    if (name === "or") return [anyOf((value as AnyFilter[]).map((part) => whereOf(part, listing)))];
    if (name === "not") return [opposite(whereOf(value as AnyFilter, listing))];
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

/** Not true is false or unknown: what is not known to hold does not hold. */
const opposite = (part: SQL | undefined): SQL => sql`(${part ?? always}) is not true`;

function conditionOf(field: string, operator: string, operand: unknown, listing: Listing): SQL {
  const column = listing.columns[field] as PgColumn;
  const form = listing.forms?.[field];
  const text = (given: string) => form?.given(sql`${given}::text`) ?? sql`${given}`;
  const value = (given: unknown) => (form === undefined ? asValue(given, column) : text(String(given)));
  const values = (given: unknown) => sql`(${sql.join((given as unknown[]).map(value), sql`, `)})`;
  const equal = form?.equal ?? sql`${column}`;
  const order = form?.order ?? sql`${column}`;

  switch (operator) {
    case "eq":
      return operand === null ? sql`${column} is null` : sql`${equal} = ${value(operand)}`;
    case "only":
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
      return operator === "like" || form !== undefined ? sql`${order} like ${pattern}` : sql`${order} ilike ${pattern}`;
    }
    case "contains":
      return sql`${column} @> ${JSON.stringify(operand)}::jsonb`;
    default:
      throw new TypeError(`no such operator: ${operator}`);
  }
}

/** A parameter with its type said: PostgreSQL could not tell it everywhere. */
function asValue(value: unknown, column: PgColumn): SQL {
  const encoded = value instanceof Date ? formatInstant(value) : value;
  return sql`${encoded}::${sql.raw(parameterType(column))}`;
}

/** A pattern of LIKE: `*` becomes `%`, `\*` a star; all else that LIKE would see something in stands for itself. */
function patternOf(text: string): string {
  return text.replace(/\\\*|[*%_\\]/g, (found) => (found === "*" ? "%" : found === "\\*" ? "*" : `\\${found}`));
}

/** Whether a pattern says a text, or how one begins, and no more: the rest of it no index could tell. */
export const isBeginning = (pattern: string): boolean => /^[^*\\]+\*?$/.test(pattern);
