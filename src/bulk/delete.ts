import { inArray, sql } from "drizzle-orm";
import { type Actor, type Executor, setAuditContext } from "../database/index.ts";
import type { NumberedRow } from "./batches.ts";
import { notFoundError } from "./explanations.ts";
import { type RejectedRow, rejectedRow } from "./report.ts";
import { type BulkTarget, keyNormalizer } from "./target.ts";

/** Deletes rows by their keys. @returns the keys that do not exist; of a key that occurs twice, the second one */
export async function deleteBatch(
  tx: Executor,
  { target, by, rows }: { target: BulkTarget; by: Actor; rows: readonly NumberedRow<string>[] },
): Promise<RejectedRow[]> {
  const { table, key } = target;
  const ids = rows.map(({ row }) => row);
  const deleted = await tx.execute(sql`
    delete from ${table} where ${inArray(key, ids)} returning ${key} as key, ${setAuditContext(by)}`);
  const normalize = keyNormalizer(key);
  const keys = new Set(deleted.map((row) => normalize(row["key"])));
  const missing = rows.filter(({ row }) => !keys.delete(normalize(row)));
  return missing.map(({ index }) => rejectedRow(index, notFoundError(target)));
}
