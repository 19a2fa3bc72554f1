import type { Sort } from "./filter.ts";
import type { Listing } from "./listing.ts";

/** One column of an order, with its defaults filled in. */
export interface Order {
  readonly field: string;
  readonly direction: "asc" | "desc";
  readonly nulls: "first" | "last";
}

/** The order that a caller requests, or the listing's default order. */
export function orderOf(sort: Sort<string> | readonly Sort<string>[] | undefined, listing: Listing): Order[] {
  const requested = sort === undefined ? [] : ([sort].flat() as Sort<string>[]);
  const order = requested.length === 0 ? [listing.defaultSort as Sort<string>] : requested;
  return order.map(({ field, direction = "asc", nulls = "last" }) => ({ field, direction, nulls }));
}
