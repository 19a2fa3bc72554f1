import type { ListOptions, Page } from "../query/index.ts";

/** Rows of one statement. */
const pageSize = 100;

/** The rows of a listing, page by page. @param options.limit how many at most */
export async function readListing<Row>(
  list: (options: ListOptions<Row> & { readonly scan: true }) => Promise<Page<Row>>,
  { limit = Number.POSITIVE_INFINITY, ...options }: Pick<ListOptions<Row>, "where" | "limit">,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await list({ ...options, limit: Math.min(limit - rows.length, pageSize), cursor, scan: true });
    rows.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && rows.length < limit);
  return rows;
}
