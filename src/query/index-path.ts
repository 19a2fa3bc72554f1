import type { IndexPath, Listing } from "./listing.ts";
import { type AnyFilter, isBeginning, operatorsOf } from "./where.ts";

/** One column of an order. */
export interface Order {
  readonly field: string;
  readonly direction: "asc" | "desc";
  readonly nulls: "first" | "last";
}

const ranges = new Set(["gt", "gte", "lt", "lte"]);

/**
 * Which way an index answers a filter in an order, so that the work grows with the page and not with the table:
 * either few rows can match, by a key or what is like one ("narrow"); or it is the index that the order walks, which
 * also holds everything that is asked.
 */
export function pathOf(filter: AnyFilter, order: readonly Order[], listing: Listing): Path | "narrow" | undefined {
  const conditions = flatten(filter);
  if (isNarrow(conditions, listing)) return "narrow";
  return listing.access.find((access) => walks(access, conditions, order, listing));
}

/** An index, as a statement is to read it. */
export type Path = IndexPath<string>;

/**
 * Says an equality so that PostgreSQL keeps to the index. Where it knows that a column has one value, it takes an
 * order by that column and a time for an order by the time alone, and walks that index past whatever has another
 * value, when it thinks that those are few: which they are not where a value stands for a time. (It does not look into
 * an array. Only the first column of an index can be asked for so: PostgreSQL before 17 would lose the order.)
 */
export function pinned(filter: AnyFilter, { equal: [first] = [] }: Path): AnyFilter {
  if (first === undefined) return filter;
  const and = flatten(filter).map((condition) => {
    if (!equals(condition[first], { list: false })) return condition;
    const [[, operand] = []] = operatorsOf(condition[first]);
    return { [first]: { only: [operand].flat()[0] } };
  });
  return { and };
}

/** Whether few rows can match. */
export function isNarrow(conditions: readonly AnyFilter[], { access }: Pick<Listing, "access">): boolean {
  const keys = access.filter(({ few }) => few).map(({ equal = [] }) => equal);
  const narrows = (parts: readonly AnyFilter[]): boolean =>
    keys.some((fields) =>
      fields.every((field) => parts.some((part) => equals(part[field], { list: fields.length === 1 }))),
    ) || parts.some(({ or }) => Array.isArray(or) && or.every((branch) => narrows(flatten(branch))));
  return narrows(conditions);
}

/** The parts of a filter that one index answers each, with no regard to the rest of it. */
export function indexedParts(filter: AnyFilter, { access }: Pick<Listing, "access">) {
  const conditions = flatten(filter);
  return access.flatMap((path) => {
    const held = conditions.filter((condition) => isHeld(condition, path));
    const bound = path.equal?.every((field) => held.some((condition) => field in condition)) ?? true;
    return bound && held.length > 0 ? [{ filter: { and: held }, path }] : [];
  });
}

/** How many times more a row costs to look at: a pattern is tried at each place of a text, and JSON is read from elsewhere. */
export function weightOf(filter: AnyFilter, listing: Pick<Listing, "columns">): number {
  const long = 4;
  const short = 0.2;
  const cost = (part: AnyFilter): number =>
    Object.entries(part).reduce((sum, [name, value]) => {
      if (value === undefined) return sum;
      if (name === "and" || name === "or") return sum + (value as AnyFilter[]).reduce((all, one) => all + cost(one), 0);
      if (name === "not") return sum + cost(value as AnyFilter);
      const isLong = /^(text|jsonb)$/.test(listing.columns[name]?.getSQLType() ?? "");
      const looks = operatorsOf(value).filter(([operator]) => /like$|^contains$/.test(operator)).length;
      return sum + looks * (isLong ? long : short);
    }, 0);
  return 1 + Math.floor(cost(filter));
}

/** Conditions that must all hold, one operator of one field each; what `and` holds is the same as if it stood outside. */
export function flatten(filter: AnyFilter): AnyFilter[] {
  return Object.entries(filter).flatMap(([name, value]): AnyFilter[] => {
    if (value === undefined) return [];
    if (name === "and") return (value as AnyFilter[]).flatMap(flatten);
    if (name === "or" || name === "not") return [{ [name]: value }];
    return operatorsOf(value).map(([operator, operand]) => ({ [name]: { [operator]: operand } }));
  });
}

/**
 * The filter of rows behind a cursor: what the cursor implies is left out, because beside another bound of the same
 * column PostgreSQL 18 begins a comparison of rows there, and reads everything up to the cursor.
 */
export function beyondCursor(filter: AnyFilter, { field }: Order, { descending }: { descending: boolean }): AnyFilter {
  const implied = descending ? /^lte?$/ : /^gte?$/;
  const and = flatten(filter).map((condition) => {
    const value = condition[field];
    if (typeof value !== "object" || value === null || value instanceof Date) return condition;
    return { [field]: Object.fromEntries(Object.entries(value).filter(([operator]) => !implied.test(operator))) };
  });
  return { and };
}

function equals(condition: unknown, { list }: { list: boolean }): boolean {
  if (condition === undefined) return false;
  return operatorsOf(condition).some(([operator, operand]) =>
    operator === "in" ? list || (operand as unknown[]).length === 1 : operator === "eq" && operand !== null,
  );
}

/** Whether walking the index in its order, or against it, meets only rows that match. */
function walks(
  access: IndexPath<string>,
  conditions: readonly AnyFilter[],
  order: readonly Order[],
  { columns }: Listing,
): boolean {
  const { equal = [], sort = [] } = access;
  const bound = equal.every((field) => conditions.some((condition) => equals(condition[field], { list: false })));
  const directions = new Set(order.map(({ direction }) => direction));
  const sorted =
    order.length === sort.length && order.every(({ field }, index) => field === sort[index]) && directions.size === 1;
  // Indexes hold rows with no value behind all others when read downwards.
  const nulls = order.every(
    ({ field, direction, nulls }) => columns[field]?.notNull || (direction === "desc") === (nulls === "last"),
  );
  return bound && sorted && nulls && conditions.every((condition) => isHeld(condition, access));
}

/** Whether the index holds what is asked: an equal field, or a stretch of the first one that it is sorted by. */
function isHeld(condition: AnyFilter, { equal = [], sort = [], beginning = false }: IndexPath<string>): boolean {
  return Object.entries(condition).every(([field, value]) =>
    operatorsOf(value).every(([operator, operand]) => {
      if (equal.includes(field)) return equals({ [operator]: operand }, { list: false });
      if (field !== sort[0]) return false;
      if (ranges.has(operator)) return true;
      return beginning && /like$/.test(operator) && isBeginning(String(operand));
    }),
  );
}

/** What a caller could ask instead, in words. */
export function describeAccess({ access }: Listing): string {
  const ways = access.map(({ equal = [], sort = [], few }) => {
    const fields = equal.join(" and ");
    if (few) return `where ${fields} equals a value`;
    return `${fields === "" ? "" : `where ${fields} equals a value, `}sorted by ${sort.join(", ")}`;
  });
  return ways.join("; or ");
}
