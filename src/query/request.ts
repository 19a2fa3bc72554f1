import { InvalidInputError } from "../errors.ts";
import type { CursorPosition, Cursors } from "./cursor.ts";
import type { ListOptions } from "./filter.ts";
import { type Key, keysOf } from "./keyset.ts";
import { type Listing, viewOf } from "./listing.ts";
import { type Order, orderOf } from "./order.ts";
import type { AnyFilter } from "./where.ts";

/** Rows of a page: by default, and at most. */
export const pageLimits = { default: 20, max: 100 } as const;

/** Rows that a page number may skip. */
const maxOffset = 10_000;

/** Options of a listing, validated and complete. */
export interface PageRequest {
  readonly filter: AnyFilter;
  readonly order: readonly Order[];
  /** The order as a total order: its keys distinguish any two rows. */
  readonly keys: readonly Key[];
  readonly limit: number;
  readonly offset: number;
  /** Where the page begins; undefined for the first page and for a page by number. */
  readonly position: CursorPosition | undefined;
  readonly total: "exact" | "estimated" | "none";
  /** Whether the caller may read the whole of a large table. */
  readonly scan: boolean;
}

/**
 * Resolves the options of a listing.
 *
 * @throws {InvalidInputError} for a cursor of another listing, filter or order, for a cursor together with a page
 *   number, and for a page number that skips too many rows
 */
export function resolveRequest(
  listing: Listing,
  cursors: Cursors,
  options: ListOptions<never> & { readonly scan?: boolean | undefined },
): PageRequest {
  const { limit = pageLimits.default, page, total = "none", scan = false } = options;
  const filter = (options.where ?? {}) as AnyFilter;
  const order = orderOf(options.sort, listing);
  const position =
    options.cursor == null ? undefined : cursors.decode(viewOf(listing), { filter, order }, options.cursor);
  if (position !== undefined && page !== undefined) {
    throw new InvalidInputError("page: give either a cursor or the number of a page.", { field: "page" });
  }
  const offset = page === undefined ? 0 : (page - 1) * limit;
  if (offset > maxOffset) {
    throw new InvalidInputError(`page: at most ${maxOffset} rows can be skipped. Follow nextCursor to go deeper.`, {
      field: "page",
    });
  }
  return { filter, order, keys: keysOf(order, listing), limit, offset, position, total, scan };
}
