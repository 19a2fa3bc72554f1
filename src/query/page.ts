import { and, type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { withoutImpliedBounds } from "./conditions.ts";
import { countRows, estimateRows } from "./count.ts";
import type { CursorPosition, Cursors } from "./cursor.ts";
import type { ListOptions, Page } from "./filter.ts";
import { forceIndexColumn } from "./index-path.ts";
import { afterPosition, exactText, orderByPath, reversed } from "./keyset.ts";
import { type Listing, type ListingOf, tableNameOf, viewOf } from "./listing.ts";
import { type PagePlan, planPage } from "./planner.ts";
import { type PageRequest, resolveRequest } from "./request.ts";
import type { ScanGuard } from "./scan-guard.ts";
import { whereOf } from "./where.ts";

/** What listings use beside the database. */
export interface PageServices {
  readonly cursors: Cursors;
  readonly scanGuard: ScanGuard;
}

type Row = Record<string, unknown>;

/**
 * A page of a listing.
 *
 * @param options.scan allows to read the whole of a large table if no index answers
 * @throws {InvalidInputError} for a cursor that does not belong to this request, for a page number that is too large,
 *   and for a request that no index answers on a large table
 */
export async function readPage<Item>(
  db: Executor,
  listing: ListingOf<Item>,
  { cursors, scanGuard }: PageServices,
  options: ListOptions<Item> & { readonly scan?: boolean | undefined },
): Promise<Page<Item>> {
  const request = resolveRequest(listing, cursors, options as ListOptions<never>);
  const plan = await planPage(db, listing, request, scanGuard);
  const [rows, total] = await Promise.all([
    fetchRows(db, listing, request, plan),
    countTotal(db, listing, request, plan),
  ]);
  return pageOf<Item>(rows, total, listing, request, cursors);
}

/** The rows of the page in reading direction, and one more if another page follows. Each has its sort keys as text. */
async function fetchRows(db: Executor, listing: Listing, request: PageRequest, plan: PagePlan): Promise<Row[]> {
  const { keys, limit, offset, position } = request;
  const path = plan.path ?? {};
  const direction = position?.side === "before" ? reversed(keys) : keys;
  const sortKeys = Object.fromEntries(keys.map((key, index) => [sortKeyName(index), exactText(key)]));
  const condition = whereOf(forceIndexColumn(filterAfter(request, direction), path), listing);
  const ranges = hasValues(position) ? afterPosition(direction, position.values) : [undefined];

  const rows: Row[] = [];
  for (const range of ranges) {
    const missing = limit + 1 - rows.length;
    if (missing === 0) break;
    const page = db
      .select({ ...listing.columns, ...listing.selections, ...sortKeys } as Record<string, SQL>)
      .from(plan.source)
      .where(and(listing.visible, condition, range))
      .orderBy(...orderByPath(path, direction, listing))
      .limit(missing)
      .offset(offset);
    // With many partitions planning takes longer than reading: 30 ms of 32 for the history of an account over ten years.
    rows.push(...(await (plan.recurs ? page.prepare(`${tableNameOf(listing)}_page`).execute() : page)));
  }
  return rows;
}

/** The request's filter, without what its position implies. */
function filterAfter({ filter, order: [leading], position }: PageRequest, [first]: PageRequest["keys"]) {
  const isImplied = hasValues(position) && first?.nullable === false && leading !== undefined;
  return isImplied ? withoutImpliedBounds(filter, leading, first) : filter;
}

/** Whether a position is that of a row. Without values it is before the first row, or after the last one. */
const hasValues = (position: CursorPosition | undefined): position is CursorPosition =>
  position !== undefined && position.values.length > 0;

async function countTotal(
  db: Executor,
  listing: Listing,
  { filter, total }: PageRequest,
  { countSource }: PagePlan,
): Promise<number | null> {
  if (total === "none") return null;
  const condition = and(listing.visible, whereOf(filter, listing));
  return total === "exact"
    ? countRows(db, countSource, condition)
    : estimateRows(db, sql`select from ${countSource}${condition && sql` where ${condition}`}`);
}

function pageOf<Item>(
  found: readonly Row[],
  total: number | null,
  listing: Listing,
  { filter, order, keys, limit, offset, position }: PageRequest,
  cursors: Cursors,
): Page<Item> {
  const isBackward = position?.side === "before";
  const rows = found.slice(0, limit);
  if (isBackward) rows.reverse();
  const hasMore = found.length > limit;
  // The page that the caller comes from is on the other side of the position.
  const hasNext = isBackward ? hasValues(position) : hasMore;
  const hasPrevious = isBackward ? hasMore : hasValues(position) || offset > 0;
  const cursorAt = (row: Row | undefined, side: CursorPosition["side"]) => {
    const values = row === undefined ? [] : keys.map((_, index) => row[sortKeyName(index)] as string | null);
    return cursors.encode(viewOf(listing), { filter, order }, { values, side });
  };
  return {
    items: rows.map((row) => withoutSortKeys(row)) as Item[],
    nextCursor: hasNext ? cursorAt(rows.at(-1), "after") : null,
    previousCursor: hasPrevious ? cursorAt(rows[0], "before") : null,
    hasNext,
    hasPrevious,
    total,
    pageCount: total === null ? null : Math.ceil(total / limit),
  };
}

const sortKeyName = (index: number): string => `position${index}`;

const withoutSortKeys = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !/^position\d+$/.test(name)));
