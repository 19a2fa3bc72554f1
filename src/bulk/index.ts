export { type BatchReport, type BulkOptions, type Check, checkedBy, runBulk, unchecked } from "./pipeline.ts";
export type { BulkReport, RejectedRow, RowSource } from "./report.ts";
export { deleteBatch, insertBatch, untangleUpdates, updateBatch } from "./statements.ts";
