import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Executor, parameterType } from "../database/index.ts";
import type { NumberedRow } from "./batches.ts";
import { takenError } from "./explanations.ts";
import { rejectedRow } from "./report.ts";
import { type BulkTarget, keyNormalizer, type RowFields } from "./target.ts";
import type { RowChange } from "./update.ts";
import type { SeparatedRows } from "./write-batch.ts";

/**
 * Separates updates whose new unique values conflict. An update to a value that a row outside of the batch has is
 * refused. An update to a value that an earlier update of another row sets goes into a second group: the statement of
 * the first group may have given that value away again.
 *
 * @returns undefined if there is no conflict
 */
export async function separateConflictingUpdates<Row extends RowChange>(
  db: Executor,
  target: BulkTarget,
  rows: readonly NumberedRow<Row>[],
): Promise<SeparatedRows<Row> | undefined> {
  const takenField = new Map<number, string>();
  const repeated = new Set<number>();
  for (const field of target.unique ?? []) {
    for (const conflict of await findConflicts(db, target, { field, rows })) {
      if (conflict.isTaken) takenField.set(conflict.index, field);
      if (conflict.isRepeated) repeated.add(conflict.index);
    }
  }
  if (takenField.size + repeated.size === 0) return undefined;

  const normalize = keyNormalizer(target.key);
  const first: NumberedRow<Row>[] = [];
  const second: NumberedRow<Row>[] = [];
  const deferredIds = new Set<string>();
  for (const update of rows) {
    if (takenField.has(update.index)) continue;
    const id = normalize(update.row.id);
    // All later updates of a deferred row are deferred, so that they keep their order.
    if (repeated.has(update.index)) deferredIds.add(id);
    (deferredIds.has(id) ? second : first).push(update);
  }
  const refused = [...takenField].map(([index, field]) => rejectedRow(index, takenError(field)));
  return { refused, groups: [first, second] };
}

interface UpdateConflict {
  readonly index: number;
  /** Whether a row outside of the batch has the value. */
  readonly isTaken: boolean;
  /** Whether an earlier update of another row sets the value. */
  readonly isRepeated: boolean;
}

/** The conflicts of the new values of one unique field. */
async function findConflicts(
  db: Executor,
  { table, key, normalizations, columns }: BulkTarget,
  { field, rows }: { field: string; rows: readonly NumberedRow<RowChange>[] },
): Promise<UpdateConflict[]> {
  const normalization = normalizations?.[field];
  const given = rows.flatMap(({ index, row: { id, change } }) => {
    const value = (change as RowFields)[field] ?? null;
    return value === null ? [] : { index, id, value };
  });
  const value: SQL = sql`value::${sql.raw(parameterType(columns[field] as PgColumn))}`;
  const found = await db.execute(sql`
    with given as (
      select index, id, ${normalization?.normalize(value) ?? value} as value
      from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (index int, id uuid, value text)
    )
    select index, first_value(id) over (partition by value order by index) <> id as repeated,
      exists (select from ${table} where ${normalization?.equal ?? columns[field]} = given.value and ${key} not in (select id from given)) as taken
    from given`);
  return found.map((row) => ({
    index: Number(row["index"]),
    isTaken: row["taken"] === true,
    isRepeated: row["repeated"] === true,
  }));
}
