import { and, type SQL, Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { rowCost } from "./conditions.ts";
import { coveredParts, forceIndexColumn } from "./index-path.ts";
import { keysOf, orderByPath } from "./keyset.ts";
import { type Listing, tableNameOf } from "./listing.ts";
import { orderOf } from "./order.ts";
import { createTableStatistics } from "./table-statistics.ts";
import { type AnyFilter, whereOf } from "./where.ts";

/** Rows that a query may test one by one to find its matches. Costly tests lower the limit. */
const maxTestedRows = 10_000;

/** Rows that are read, as a multiple of those counted: rows that are inserted between count and read are included. */
const growthReserve = 10;

/** What a refused query is reported with. */
export interface ScanRefusal {
  readonly field: string;
  readonly remedy: string;
}

/** Decides what a query that no index answers may read. */
export interface ScanGuard {
  /**
   * What to read: the table if it is small; otherwise the few rows that an index finds by a part of the filter.
   *
   * @param options.followsCursor doubles the limit, so that a table that grows does not refuse the next page
   * @throws {InvalidInputError} if the table is large and no part of the filter finds few rows
   */
  readonly sourceFor: (
    db: Executor,
    listing: Listing,
    filter: AnyFilter,
    options: ScanRefusal & { readonly followsCursor: boolean },
  ) => Promise<PgTable | Subquery>;
}

/**
 * A scan guard for all listings of a service. It prevents that one query reads the whole of a large table.
 *
 * @param options.scanLimit rows up to which a whole table may be read
 */
export function createScanGuard({ scanLimit }: { scanLimit: number }): ScanGuard {
  const statistics = createTableStatistics();
  return {
    async sourceFor(db, listing, filter, { field, remedy, followsCursor }) {
      const rows = await statistics.estimatedRows(db, tableNameOf(listing));
      const cost = rowCost(filter, (name) => /^(text|jsonb)$/.test(listing.columns[name]?.getSQLType() ?? ""));
      if (rows * cost <= scanLimit) return listing.table;
      const maxRows = Math.ceil(((followsCursor ? 2 : 1) * maxTestedRows) / cost);
      const part = await findSelectivePart(db, listing, filter, maxRows);
      if (part !== undefined) return part;
      const size = `the table has about ${rows.toLocaleString("en")} rows, more than ${Math.floor(scanLimit / cost).toLocaleString("en")}`;
      throw new InvalidInputError(`${field}: ${remedy} (${size}).`, { field });
    },
  };
}

/**
 * A subquery with the rows of the first part of the filter that an index finds and that has at most `maxRows` rows.
 * PostgreSQL does not merge a subquery with LIMIT into the outer query, so it reads the rows by that index.
 */
async function findSelectivePart(
  db: Executor,
  listing: Listing,
  filter: AnyFilter,
  maxRows: number,
): Promise<Subquery | undefined> {
  const { table, columns, visible } = listing;
  for (const { filter: part, path } of coveredParts(filter, listing)) {
    const condition = and(visible, whereOf(forceIndexColumn(part, path), listing));
    const [leading] = path.sort ?? [];
    const keys = leading === undefined ? [] : keysOf(orderOf({ field: leading, direction: "desc" }, listing), listing);
    const order = keys.length === 0 ? sql`` : sql`order by ${sql.join(orderByPath(path, keys, listing), sql`, `)}`;
    const select = (selection: SQL, limit: number) =>
      sql`select ${selection} from ${table} where ${condition} ${order} limit ${limit}`;
    const [row] = await db.execute(sql`select count(*)::int as count from (${select(sql``, maxRows + 1)}) as found`);
    if (Number(row?.["count"]) <= maxRows) {
      return new Subquery(select(sql`*`, growthReserve * maxRows), columns, tableNameOf(listing));
    }
  }
  return undefined;
}
