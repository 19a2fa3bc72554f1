import type { Subquery } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { choosePath, describeIndexPaths, hasOnlyEqualities, type Path } from "./index-path.ts";
import type { Listing } from "./listing.ts";
import type { PageRequest } from "./request.ts";
import type { ScanGuard } from "./scan-guard.ts";

/** How a page is read. */
export interface PagePlan {
  /** What the rows of the page are read from. */
  readonly source: PgTable | Subquery;
  /** What the total is counted from. */
  readonly countSource: PgTable | Subquery;
  /** The index path whose scan yields the order; undefined if the rows are sorted. */
  readonly path: Path | undefined;
  /** Whether its statement is one of a few, however many requests there are, so that connections can keep it prepared. */
  readonly recurs: boolean;
}

/**
 * Plans a page: an index path if one answers the request, otherwise what the scan guard allows to read.
 *
 * @throws {InvalidInputError} if no index answers the request, or its exact total, and the table is large
 */
export async function planPage(
  db: Executor,
  listing: Listing,
  request: PageRequest,
  scanGuard: ScanGuard,
): Promise<PagePlan> {
  const { filter, order, position, total, scan } = request;
  const path = choosePath(filter, order, listing);
  const guard = (field: string, remedy: string) =>
    scanGuard.sourceFor(db, listing, filter, { field, remedy, followsCursor: position !== undefined });

  const isAnswered = scan || path !== undefined;
  const source = isAnswered ? listing.table : await guard("where", unansweredRemedy(listing));
  // A scan in index order stops at the end of the page. Counting does not stop.
  const isCountUnbounded = total === "exact" && !scan && path !== undefined && path !== "selective";
  const countSource = isCountUnbounded ? await guard("total", 'ask for "estimated", or for "none"') : source;
  if (path === undefined || path === "selective") return { source, countSource, path: undefined, recurs: false };
  return { source, countSource, path, recurs: hasOnlyEqualities(filter, path) };
}

const unansweredRemedy = (listing: Listing) =>
  `no index answers this filter in this order, and none finds few rows by a part of it. Ask for rows ${describeIndexPaths(listing)}`;
