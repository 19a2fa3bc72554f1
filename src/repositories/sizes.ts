import { sql } from "drizzle-orm";
import type { Executor } from "../database/transaction.ts";
import { Invalid } from "../errors.ts";
import { type Listing, nameOf } from "./listing.ts";

/** How long a size is believed (ms): tables do not grow by magnitudes in it. */
const remembered = 60_000;

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
    /** @throws {Invalid} naming the field and the remedy, when the table has more rows than may be read for this */
    async requireSmall(
      db: Executor,
      listing: Listing,
      { field, text }: { field: string; text: string },
    ): Promise<void> {
      const rows = await rowsOf(db, nameOf(listing));
      if (rows <= scanLimit) return;
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
