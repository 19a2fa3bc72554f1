import { and, Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/transaction.ts";
import { Invalid } from "../errors.ts";
import { indexedParts } from "./access.ts";
import { type Listing, nameOf } from "./listing.ts";
import { type AnyFilter, whereOf } from "./where.ts";

/** How long a size is believed (ms): tables do not grow by magnitudes in it. */
const remembered = 60_000;

/** Rows that may be looked at one by one to find those that match. */
export const mostSifted = 10_000;

/**
 * Keeps callers from having a large table read as a whole.
 *
 * @param options.scanLimit rows up to which a table may be
 */
export function createSizes({ scanLimit }: { scanLimit: number }) {
  const known = new Map<string, { rows: number; until: number }>();

  async function rowsOf(db: Executor, name: string): Promise<number> {
    const before = known.get(name);
    if (before !== undefined && before.until > Date.now()) return before.rows;
    const rows = await estimatedRows(db, name);
    known.set(name, { rows, until: Date.now() + remembered });
    return rows;
  }

  return {
    /**
     * Finds what to read for a filter that is not answered as it is asked: the table when that is small, else those
     * few of its rows that an index finds by a part of the filter.
     *
     * @throws {Invalid} naming the field and the remedy, when there is no such part
     */
    async sourceOf(
      db: Executor,
      listing: Listing,
      filter: AnyFilter,
      { field, text }: { field: string; text: string },
    ): Promise<PgTable | Subquery> {
      const rows = await rowsOf(db, nameOf(listing));
      if (rows <= scanLimit) return listing.table;
      const few = await findFew(db, listing, filter);
      if (few !== undefined) return few;
      const size = `the table has about ${rows.toLocaleString("en")} rows, more than ${scanLimit.toLocaleString("en")}`;
      throw new Invalid(`${field}: ${text} (${size}).`, { field });
    },
  };
}

export type Sizes = ReturnType<typeof createSizes>;

/** Rows as of the last ANALYZE; before the first one, as many as its bytes may hold. A partitioned table is its parts. */
async function estimatedRows(db: Executor, name: string): Promise<number> {
  const [row] = await db.execute(sql`
    select coalesce(sum(case when reltuples < 0 then pg_relation_size(oid) / 200 else reltuples end), 0)::float8 as rows
    from pg_class where oid = ${name}::regclass and relkind = 'r' or oid in (select relid from pg_partition_tree(${name}) where isleaf)`);
  return Math.round(Number(row?.["rows"]));
}

/** A query in the table's place, which PostgreSQL does not look through (OFFSET 0): it could take another way. */
async function findFew(db: Executor, listing: Listing, filter: AnyFilter): Promise<Subquery | undefined> {
  const { table, columns, forms, visible } = listing;
  for (const part of indexedParts(filter, listing)) {
    const condition = and(visible, whereOf(part.filter, listing));
    const column = part.sortedBy && (forms?.[part.sortedBy]?.order ?? columns[part.sortedBy]);
    // In the index's order, so that it is the index that is read.
    const order = column && sql`order by ${column}`;
    const [row] = await db.execute(sql`
      select count(*)::int as count from (select from ${table} where ${condition} ${order} limit ${mostSifted + 1}) as found`);
    if (Number(row?.["count"]) <= mostSifted)
      return new Subquery(sql`select * from ${table} where ${condition} offset 0`, columns, nameOf(listing));
  }
  return undefined;
}
