import { conditionsOf, isEquality } from "./conditions.ts";
import type { IndexPath, Listing } from "./listing.ts";
import type { Order } from "./order.ts";
import { type AnyFilter, isPrefixPattern, operatorsOf } from "./where.ts";

/** One index path of a listing. */
export type Path = IndexPath<string>;

const ranges = new Set(["gt", "gte", "lt", "lte"]);

/**
 * The index path on which the cost of a page grows with the page and not with the table. "selective": few rows can
 * match, whatever the order. A path: the index holds every condition of the filter, and a scan of it yields the order.
 * Undefined: no index answers.
 */
export function choosePath(
  filter: AnyFilter,
  order: readonly Order[],
  listing: Listing,
): Path | "selective" | undefined {
  const conditions = conditionsOf(filter);
  if (isSelective(conditions, listing)) return "selective";
  return listing.indexPaths.find(
    (path) =>
      isBound(path, conditions) &&
      isInOrder(path, order, listing) &&
      conditions.every((condition) => isCovered(condition, path)),
  );
}

/** Whether only few rows can match. An `or` is selective if each of its parts is. */
export function isSelective(conditions: readonly AnyFilter[], { indexPaths }: Pick<Listing, "indexPaths">): boolean {
  const keys = indexPaths.filter(({ selective }) => selective).map(({ equal = [] }) => equal);
  const hasKey = (parts: readonly AnyFilter[]): boolean =>
    keys.some((fields) =>
      fields.every((field) => parts.some((part) => isEquality(part[field], { list: fields.length === 1 }))),
    ) || parts.some(({ or }) => Array.isArray(or) && or.every((branch) => hasKey(conditionsOf(branch))));
  return hasKey(conditions);
}

/** The parts of a filter that one index path each answers alone. */
export function coveredParts(filter: AnyFilter, { indexPaths }: Pick<Listing, "indexPaths">) {
  const conditions = conditionsOf(filter);
  return indexPaths.flatMap((path) => {
    const covered = conditions.filter((condition) => isCovered(condition, path));
    const bound = path.equal?.every((field) => covered.some((condition) => field in condition)) ?? true;
    return bound && covered.length > 0 ? [{ filter: { and: covered }, path }] : [];
  });
}

/**
 * The filter with the equality of the path's first column written as `= any(array[…])`, together with an ORDER BY that
 * names this column. Without it PostgreSQL drops a column with one value from the order, prefers an index on the
 * remaining column, and filters its rows, which reads most of that index when the value is rare in the range.
 * PostgreSQL does not derive a constant from the array. Only the first column is written so: PostgreSQL before 17
 * does not keep the index order for a later one.
 */
export function forceIndexColumn(filter: AnyFilter, { equal: [first] = [] }: Path): AnyFilter {
  if (first === undefined) return filter;
  const and = conditionsOf(filter).map((condition) => {
    if (!isEquality(condition[first], { list: false })) return condition;
    const [[, operand] = []] = operatorsOf(condition[first]);
    return { [first]: { equalAny: [operand].flat()[0] } };
  });
  return { and };
}

/** The queries that indexes answer, for an error message. */
export function describeIndexPaths({ indexPaths }: Listing): string {
  const queries = indexPaths.map(({ equal = [], sort = [], selective }) => {
    const fields = equal.join(" and ");
    if (selective) return `where ${fields} equals a value`;
    return `${fields === "" ? "" : `where ${fields} equals a value, `}sorted by ${sort.join(", ")}`;
  });
  return queries.join("; or ");
}

const isBound = ({ equal = [] }: Path, conditions: readonly AnyFilter[]): boolean =>
  equal.every((field) => conditions.some((condition) => isEquality(condition[field], { list: false })));

/** Whether a filter that the path answers has its equalities alone. A range may have any of many forms. */
export const hasOnlyEqualities = (filter: AnyFilter, { equal = [] }: Path): boolean =>
  conditionsOf(filter).every((condition) => Object.keys(condition).every((field) => equal.includes(field)));

/**
 * Whether a scan of the index in one of its directions yields the order. Indexes on nullable columns are
 * `desc nulls last`, so nulls come last in a descending order and first in an ascending one.
 */
function isInOrder({ sort = [] }: Path, order: readonly Order[], { columns }: Listing): boolean {
  const directions = new Set(order.map(({ direction }) => direction));
  return (
    directions.size === 1 &&
    order.length === sort.length &&
    order.every(({ field }, index) => field === sort[index]) &&
    order.every(
      ({ field, direction, nulls }) => columns[field]?.notNull || (direction === "desc") === (nulls === "last"),
    )
  );
}

/** Whether the index answers a condition: an equality of its equal fields, or a range of its first sort field. */
function isCovered(condition: AnyFilter, { equal = [], sort = [], prefix = false }: Path): boolean {
  return Object.entries(condition).every(([field, value]) =>
    operatorsOf(value).every(([operator, operand]) => {
      if (equal.includes(field)) return isEquality({ [operator]: operand }, { list: false });
      if (field !== sort[0]) return false;
      if (ranges.has(operator)) return true;
      return prefix && /like$/.test(operator) && isPrefixPattern(String(operand));
    }),
  );
}
