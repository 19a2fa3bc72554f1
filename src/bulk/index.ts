export { type Check, checkedBy, type RowSource, unchecked } from "./batches.ts";
export { deleteBatch } from "./delete.ts";
export { changedError } from "./explanations.ts";
export { encodedBy, insertBatch, insertNewBatch } from "./insert.ts";
export type { BatchReport, BulkReport, RejectedRow } from "./report.ts";
export type { EncodedRow } from "./row-json.ts";
export { type BulkOptions, runBulk } from "./run-bulk.ts";
export { separateConflictingUpdates } from "./separate-updates.ts";
export { updateBatch } from "./update.ts";
