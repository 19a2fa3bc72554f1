import { and, type SQL, type Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { estimate, exactCount } from "./count.ts";
import type { Cursors } from "./cursor.ts";
import type { ListOptions, Page } from "./filter.ts";
import { beyondCursor, describeAccess, pathOf, pinned } from "./index-path.ts";
import { behind, exact, keysOf, orderAlong, orderOf, reversed } from "./keyset.ts";
import { type Listing, type ListingOf, viewOf } from "./listing.ts";
import type { TableStatistics } from "./scan-guard.ts";
import { type AnyFilter, whereOf } from "./where.ts";

/** Rows that may be skipped to reach a page by its number. */
const deepest = 10_000;

export const pageLimits = { default: 20, most: 100 } as const;

/** What listings need beside the database. */
export interface PageParts {
  readonly cursors: Cursors;
  readonly sizes: TableStatistics;
}

/**
 * A page of a listing.
 *
 * @param options.scan lets the database read the whole table, however large, where no index answers
 * @throws {InvalidInputError} for a cursor of another listing, and for a question that no index answers on a large table
 */
export async function readPage<Row>(
  db: Executor,
  listing: ListingOf<Row>,
  { cursors, sizes }: PageParts,
  options: ListOptions<Row> & { readonly scan?: boolean | undefined },
): Promise<Page<Row>> {
  const { limit = pageLimits.default, page: number, total: wanted = "none", scan = false } = options;
  const filter = (options.where ?? {}) as AnyFilter;
  const order = orderOf(options.sort, listing);
  const question = { filter, order };
  const cursor = options.cursor == null ? undefined : cursors.decode(viewOf(listing), question, options.cursor);
  if (cursor !== undefined && number !== undefined) {
    throw new InvalidInputError("page: give either a cursor or the number of a page.", { field: "page" });
  }
  const skip = number === undefined ? 0 : (number - 1) * limit;
  if (skip > deepest) {
    throw new InvalidInputError(`page: at most ${deepest} rows can be skipped. Follow nextCursor to go deeper.`, {
      field: "page",
    });
  }
  const path = pathOf(filter, order, listing);
  const along = path === "narrow" || path === undefined ? {} : path;
  const sift = (refusal: { field: string; text: string }) =>
    sizes.sourceOf(db, listing, filter, { ...refusal, walking: cursor !== undefined });
  const source = scan || path !== undefined ? listing.table : await sift(unserved(listing));
  const isCounted = wanted !== "exact" || scan || path === undefined || path === "narrow";
  const counted = isCounted ? source : await sift(uncounted);

  const condition = and(listing.visible, whereOf(filter, listing));
  const keys = keysOf(order, listing);
  const backwards = cursor?.side === "before";
  const direction = backwards ? reversed(keys) : keys;
  const positions = Object.fromEntries(keys.map((key, index) => [`position${index}`, exact(key)]));
  // A cursor without values stands behind all rows, or before them.
  const isInside = cursor !== undefined && cursor.values.length > 0;
  const [first] = direction;
  const [leading] = order;
  const isImplied = isInside && first?.nullable === false && leading !== undefined;
  const rest = whereOf(pinned(isImplied ? beyondCursor(filter, leading, first) : filter, along), listing);
  const read = async () => {
    const rows: Record<string, unknown>[] = [];
    for (const part of isInside ? behind(direction, cursor.values) : [undefined]) {
      // One more than asked for tells whether there is another page.
      const missing = limit + 1 - rows.length;
      if (missing === 0) break;
      const found = await db
        .select({ ...listing.columns, ...listing.reads, ...positions } as Record<string, SQL>)
        .from(source)
        .where(and(listing.visible, rest, part))
        .orderBy(...orderAlong(along, direction, listing))
        .limit(missing)
        .offset(skip);
      rows.push(...found);
    }
    return rows;
  };
  const [found, total] = await Promise.all([read(), countIf(wanted, db, counted, condition)]);

  const rows = backwards ? found.slice(0, limit).reverse() : found.slice(0, limit);
  const more = found.length > limit;
  const place = (row: Record<string, unknown> | undefined, side: "after" | "before") => {
    const values = row === undefined ? [] : keys.map((_, index) => row[`position${index}`] as string | null);
    return cursors.encode(viewOf(listing), question, { values, side });
  };
  // Coming from one side, there is a page on that side: the one that the caller came from.
  const hasNext = backwards ? isInside : more;
  const hasPrevious = backwards ? more : isInside || skip > 0;
  return {
    items: rows.map((row) => withoutPositions(row)) as Row[],
    nextCursor: hasNext ? place(rows.at(-1), "after") : null,
    previousCursor: hasPrevious ? place(rows[0], "before") : null,
    hasNext,
    hasPrevious,
    total,
    pageCount: total === null ? null : Math.ceil(total / limit),
  };
}

function withoutPositions(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !/^position\d+$/.test(name)));
}

function countIf(
  wanted: "exact" | "estimated" | "none",
  db: Executor,
  source: PgTable | Subquery,
  condition: SQL | undefined,
) {
  if (wanted === "none") return null;
  return wanted === "exact"
    ? exactCount(db, source, condition)
    : estimate(db, sql`select from ${source}${condition && sql` where ${condition}`}`);
}

const uncounted = { field: "total", text: 'ask for "estimated", or for "none"' };

const unserved = (listing: Listing) => ({
  field: "where",
  text: `no index answers this filter in this order, and none finds few rows by a part of it. Ask for rows ${describeAccess(listing)}`,
});
