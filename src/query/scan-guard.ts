import { and, type SQL, Subquery, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { indexedParts, pinned, weightOf } from "./index-path.ts";
import { keysOf, orderAlong, orderOf } from "./keyset.ts";
import { type Listing, tableNameOf } from "./listing.ts";
import { type AnyFilter, whereOf } from "./where.ts";

/** How long a size is believed (ms). */
const remembered = 10_000;

/** Rows that may be looked at one by one to find those that match; fewer where each costs more to look at. */
const mostSifted = 10_000;

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
     * @param options.walking a caller who follows a cursor is not left half-way because there are a few more rows by now
     * @throws {InvalidInputError} naming the field and the remedy, when there is no such part
     */
    async sourceOf(
      db: Executor,
      listing: Listing,
      filter: AnyFilter,
      { field, text, walking = false }: { field: string; text: string; walking?: boolean },
    ): Promise<PgTable | Subquery> {
      const rows = await rowsOf(db, tableNameOf(listing));
      const weight = weightOf(filter, listing);
      if (rows * weight <= scanLimit) return listing.table;
      const few = await findFew(db, listing, filter, Math.ceil(((walking ? 2 : 1) * mostSifted) / weight));
      if (few !== undefined) return few;
      const size = `the table has about ${rows.toLocaleString("en")} rows, more than ${Math.floor(scanLimit / weight).toLocaleString("en")}`;
      throw new InvalidInputError(`${field}: ${text} (${size}).`, { field });
    },
  };
}

export type TableStatistics = ReturnType<typeof createSizes>;

/**
 * Rows as the planner reckons them: as dense as at the last ANALYZE, in as many bytes as there are now; before the first
 * one, 200 bytes a row. A partitioned table is its parts.
 */
async function estimatedRows(db: Executor, name: string): Promise<number> {
  const [row] = await db.execute(sql`
    select coalesce(sum(pg_relation_size(oid) * case when relpages > 0 and reltuples >= 0
      then reltuples / relpages / current_setting('block_size')::int else 1 / 200.0 end), 0)::float8 as rows
    from pg_class where oid = ${name}::regclass and relkind = 'r' or oid in (select relid from pg_partition_tree(${name}) where isleaf)`);
  return Math.round(Number(row?.["rows"]));
}

/**
 * A query in the table's place: PostgreSQL does not look through its LIMIT, and reads in it what the index gave when
 * its rows were counted.
 */
async function findFew(db: Executor, listing: Listing, filter: AnyFilter, most: number): Promise<Subquery | undefined> {
  const { table, columns, visible } = listing;
  for (const { filter: part, path } of indexedParts(filter, listing)) {
    const condition = and(visible, whereOf(pinned(part, path), listing));
    const [leading] = path.sort ?? [];
    const keys = leading === undefined ? [] : keysOf(orderOf({ field: leading, direction: "desc" }, listing), listing);
    const order = keys.length === 0 ? sql`` : sql`order by ${sql.join(orderAlong(path, keys, listing), sql`, `)}`;
    const some = (what: SQL, limit: number) =>
      sql`select ${what} from ${table} where ${condition} ${order} limit ${limit}`;
    const [row] = await db.execute(sql`select count(*)::int as count from (${some(sql``, most + 1)}) as found`);
    // With room for those that come before it is read: none may be missing then.
    if (Number(row?.["count"]) <= most) return new Subquery(some(sql`*`, 10 * most), columns, tableNameOf(listing));
  }
  return undefined;
}
