import { is } from "drizzle-orm";
import { PgArray, type PgColumn } from "drizzle-orm/pg-core";
import { z } from "zod";
import { ipAddress, jsonObject, moment, uuid } from "../validation/index.ts";
import type { Filter } from "./filter.ts";
import type { ListingOf } from "./listing.ts";

/** Nesting of and, or and not; parts of one of them; values of a list; conditions of a whole filter. */
const limits = { depth: 4, parts: 20, values: 100, conditions: 100 } as const;

/** Characters of a text, and of a pattern. A pattern is tested at every position of the text, so it is shorter. */
const textLimit = 500;
const patternLimit = 100;

/** Length of the JSON of `contains` (bytes). */
const containedLimit = 4_096;

/**
 * The schema of a listing's filter: the listing's fields, each with the operators of its type. Columns that the listing
 * does not have are refused.
 *
 * @param options.maxConditions for a filter that is tested again and again
 */
export function filterSchema<Row>(
  listing: ListingOf<Row>,
  { maxConditions = limits.conditions }: { maxConditions?: number } = {},
): z.ZodType<Filter<Row>, Filter<Row>> {
  const fields = Object.fromEntries(
    Object.entries(listing.columns).map(([name, column]) => [name, conditionSchema(column as PgColumn).optional()]),
  );
  const deeper = z.custom<never>(() => false, `must not nest and, or, not deeper than ${limits.depth} levels`);
  const level = (inner: z.ZodType) => {
    const parts = z
      .array(inner)
      .min(1, "must have at least one part")
      .max(limits.parts, `must have at most ${limits.parts} parts`);
    return z.strictObject({ ...fields, and: parts.optional(), or: parts.optional(), not: inner.optional() });
  };
  let schema: z.ZodType = deeper;
  for (let depth = 0; depth <= limits.depth; depth++) schema = level(schema);
  return schema.refine((filter) => count(filter) <= maxConditions, {
    message: `must have at most ${maxConditions} conditions`,
    abort: true,
  }) as never;
}

/** Number of conditions of a valid filter. */
function count(filter: unknown): number {
  return Object.entries(filter as object).reduce((sum, [name, value]) => {
    if (value === undefined) return sum;
    if (name === "and" || name === "or")
      return sum + (value as unknown[]).reduce<number>((all, part) => all + count(part), 0);
    return sum + (name === "not" ? count(value) : 1);
  }, 0);
}

function conditionSchema(column: PgColumn): z.ZodType {
  const isNull = z.boolean().optional();
  const nothing = column.notNull ? z.never() : z.null();
  if (column.dataType === "json") {
    const contains = jsonObject(containedLimit).optional();
    return z.union([nothing, z.strictObject({ contains, isNull })], {
      error: "must be { contains: { … } } or { isNull }",
    });
  }
  if (is(column, PgArray)) {
    const contains = z.array(valueSchema(column.baseColumn)).max(limits.values).optional();
    return z.union([nothing, z.strictObject({ contains, isNull })], {
      error: "must be { contains: [ … ] } with values of the list, or { isNull }",
    });
  }
  const value = valueSchema(column);
  const list = z.array(value).max(limits.values, `must have at most ${limits.values} values`).optional();
  const one = value.optional();
  const ordered = column.dataType === "boolean" ? {} : { gt: one, gte: one, lt: one, lte: one };
  const pattern = z.string().max(patternLimit, `must be at most ${patternLimit} characters`).optional();
  const patterns = isText(column) ? { like: pattern, ilike: pattern } : {};
  const operators = z.strictObject({ eq: one, ne: one, in: list, notIn: list, isNull, ...ordered, ...patterns });
  // Not a z.union: its error lists the errors of every member.
  return z.unknown().transform((given, context) => {
    const isObject = typeof given === "object" && given !== null && !(given instanceof Date) && !Array.isArray(given);
    const parsed = (given === null ? nothing : isObject ? operators : value).safeParse(given);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.addIssue({ ...issue, input: undefined } as never);
    return z.NEVER;
  });
}

/** Whether a column holds text. UUIDs and addresses are strings in JavaScript only. */
const isText = (column: PgColumn): boolean => /^(varchar|text|char)/.test(column.getSQLType());

/** JSON has no dates: a client without superjson names them in `meta`. */
const date = moment("must be a date of the years 1 to 9999, which superjson's meta names as one");

function valueSchema(column: PgColumn): z.ZodType {
  if (column.enumValues !== undefined) return z.enum(column.enumValues as [string]);
  switch (column.getSQLType()) {
    case "uuid":
      return uuid;
    case "inet":
      return ipAddress;
    case "integer":
      return z.int32("must be a whole number");
  }
  if (column.dataType === "boolean") return z.boolean();
  if (column.getSQLType().startsWith("timestamp")) return date;
  return z.string().max(textLimit, `must be at most ${textLimit} characters`);
}
