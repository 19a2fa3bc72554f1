import type { Order } from "./order.ts";
import { type AnyFilter, operatorsOf } from "./where.ts";

/**
 * The conditions that must all hold, each with one operator of one field. The parts of an `and` are conditions like
 * those outside of it; an `or` or `not` is one condition.
 */
export function conditionsOf(filter: AnyFilter): AnyFilter[] {
  return Object.entries(filter).flatMap(([name, value]): AnyFilter[] => {
    if (value === undefined) return [];
    if (name === "and") return (value as AnyFilter[]).flatMap(conditionsOf);
    if (name === "or" || name === "not") return [{ [name]: value }];
    return operatorsOf(value).map(([operator, operand]) => ({ [name]: { [operator]: operand } }));
  });
}

/** Whether a condition of a field requires one value, or with `list` one of several. */
export function isEquality(condition: unknown, { list }: { list: boolean }): boolean {
  if (condition === undefined) return false;
  return operatorsOf(condition).some(([operator, operand]) =>
    operator === "in" ? list || (operand as unknown[]).length === 1 : operator === "eq" && operand !== null,
  );
}

/**
 * The filter without the bounds of the leading sort field that a cursor implies. With two bounds of one column
 * PostgreSQL 18 can start an index scan at the looser one and read every row up to the cursor.
 */
export function withoutImpliedBounds(
  filter: AnyFilter,
  { field }: Order,
  { descending }: { descending: boolean },
): AnyFilter {
  const implied = descending ? /^lte?$/ : /^gte?$/;
  const and = conditionsOf(filter).map((condition) => {
    const value = condition[field];
    if (typeof value !== "object" || value === null || value instanceof Date) return condition;
    return { [field]: Object.fromEntries(Object.entries(value).filter(([operator]) => !implied.test(operator))) };
  });
  return { and };
}

/** Cost of a pattern or containment test, relative to reading the row: of a long text or JSON, and of a short text. */
const longTestCost = 4;
const shortTestCost = 0.2;

/** The cost of testing one row against a filter, in whole multiples of reading it. */
export function rowCost(filter: AnyFilter, isLong: (field: string) => boolean): number {
  const cost = (part: AnyFilter): number =>
    Object.entries(part).reduce((sum, [name, value]) => {
      if (value === undefined) return sum;
      if (name === "and" || name === "or") return sum + (value as AnyFilter[]).reduce((all, one) => all + cost(one), 0);
      if (name === "not") return sum + cost(value as AnyFilter);
      const tests = operatorsOf(value).filter(([operator]) => /like$|^contains$/.test(operator)).length;
      return sum + tests * (isLong(name) ? longTestCost : shortTestCost);
    }, 0);
  return 1 + Math.floor(cost(filter));
}
