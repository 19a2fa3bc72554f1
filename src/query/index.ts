export { exactCount } from "./count.ts";
export { createCursors } from "./cursor.ts";
export type { Filter, ListOptions, Page, Sort, SortField } from "./filter.ts";
export { filterSchema } from "./filter-schema.ts";
export { flatten, isNarrow } from "./index-path.ts";
export type { Listing, ListingOf } from "./listing.ts";
export { type PageParts, pageLimits, readPage } from "./page.ts";
export { createSizes } from "./scan-guard.ts";
export { type AnyFilter, whereOf } from "./where.ts";
