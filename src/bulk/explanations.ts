import { and, inArray, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Executor, parameterType } from "../database/index.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import type { NumberedRow } from "./batches.ts";
import { type RejectedRow, rejectedRow } from "./report.ts";
import { type BulkTarget, fieldOf, keyNormalizer, type RowFields } from "./target.ts";

export const takenError = (field: string) => new ConflictError(`This ${field} is taken.`, { field });

export const notFoundError = ({ noun }: BulkTarget) => new NotFoundError(`There is no such ${noun}.`, { field: "id" });

/** Why rows were not inserted: the first of their unique fields, or the key, that exists. One query for each field. */
export async function explainConflicts(
  tx: Executor,
  target: BulkTarget,
  rows: readonly NumberedRow<object>[],
): Promise<RejectedRow[]> {
  const { table, key, unique = [], normalizations, columns } = target;
  const keyField = fieldOf(columns, key);
  const takenField = new Map<number, string>();
  for (const field of [...unique, keyField]) {
    const normalization = normalizations?.[field];
    const values = rows.map(({ row }) => (row as RowFields)[field] ?? null);
    const value = sql`given.value::${sql.raw(parameterType(columns[field] as PgColumn))}`;
    const taken = await tx.execute(sql`
      select position - 1 as position
      from json_array_elements_text(${JSON.stringify(values)}::json) with ordinality as given (value, position)
      where exists (select from ${table} where ${normalization?.equal ?? columns[field]} = ${normalization?.normalize(value) ?? value})`);
    for (const { position } of taken) {
      const row = rows[Number(position)];
      if (row !== undefined && !takenField.has(row.index)) takenField.set(row.index, field);
    }
  }
  return rows.map(({ index }) => {
    const field = takenField.get(index);
    if (field !== undefined) return rejectedRow(index, takenError(field));
    // The row that it conflicts with is not visible to this transaction, or is deleted by now.
    return rejectedRow(index, new ConflictError("A row with this key exists.", { field: keyField }));
  });
}

/** Why rows were not updated: they do not exist, or another transaction has changed them. */
export async function explainMissing(
  tx: Executor,
  target: BulkTarget,
  rows: readonly NumberedRow<{ readonly id: string }>[],
): Promise<RejectedRow[]> {
  if (rows.length === 0) return [];
  const { table, key, visible } = target;
  const ids = rows.map(({ row }) => row.id);
  const existing = await tx.execute(sql`select ${key} as key from ${table} where ${and(inArray(key, ids), visible)}`);
  const normalize = keyNormalizer(key);
  const keys = new Set(existing.map((row) => normalize(row["key"])));
  return rows.map(({ index, row }) =>
    rejectedRow(index, keys.has(normalize(row.id)) ? changedError(target) : notFoundError(target)),
  );
}

/** The caller's version of a row is not the present one. */
export const changedError = ({ noun }: Pick<BulkTarget, "noun">) =>
  new ConflictError(`This ${noun} has changed since you read it: read it again.`, { field: "updatedAt" });
