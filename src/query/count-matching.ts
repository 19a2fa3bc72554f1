import { and } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { conditionsOf } from "./conditions.ts";
import { countRows } from "./count.ts";
import { isSelective } from "./index-path.ts";
import type { Listing } from "./listing.ts";
import type { ScanGuard } from "./scan-guard.ts";
import { type AnyFilter, whereOf } from "./where.ts";

/**
 * The number of rows that match a filter.
 *
 * @param options.scan allows to read the whole of a large table
 * @throws {InvalidInputError} if the table is large and no index finds few rows
 */
export async function countMatching(
  db: Executor,
  listing: Listing,
  { filter, scanGuard, scan }: { filter: AnyFilter; scanGuard: ScanGuard; scan: boolean },
): Promise<number> {
  const isAllowed = scan || isSelective(conditionsOf(filter), listing);
  const refusal = { field: "where", remedy: "this many rows cannot be counted one by one", followsCursor: false };
  const source = isAllowed ? listing.table : await scanGuard.sourceFor(db, listing, filter, refusal);
  return countRows(db, source, and(listing.visible, whereOf(filter, listing)));
}
