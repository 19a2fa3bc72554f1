export { countMatching } from "./count-matching.ts";
export { createCursors } from "./cursor.ts";
export type { Filter, ListOptions, Page, Sort, SortField } from "./filter.ts";
export { filterSchema } from "./filter-schema.ts";
export type { Listing, ListingOf } from "./listing.ts";
export { type PageServices, readPage } from "./page.ts";
export { pageLimits } from "./request.ts";
export { createScanGuard } from "./scan-guard.ts";
export { type AnyFilter, whereOf } from "./where.ts";
