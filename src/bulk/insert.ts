import { getTableColumns, sql } from "drizzle-orm";
import { type Actor, type Executor, setAuditContext } from "../database/index.ts";
import type { NumberedRow } from "./batches.ts";
import { explainConflicts } from "./explanations.ts";
import type { RejectedRow } from "./report.ts";
import { groupByFields, rowsToJson } from "./row-json.ts";
import { type BulkTarget, fieldOf, identifier, keyNormalizer, type RowFields } from "./target.ts";

/** Inserts rows. @returns the rows whose key or unique values exist already */
export async function insertBatch(
  tx: Executor,
  { target, by, rows }: { target: BulkTarget; by: Actor; rows: readonly NumberedRow<object>[] },
): Promise<RejectedRow[]> {
  const { table, key } = target;
  const columns = getTableColumns(table);
  const normalize = keyNormalizer(key);
  const keyField = fieldOf(columns, key);
  const rejected: RejectedRow[] = [];
  // A field that a row leaves out has its default, so one statement inserts rows that have the same fields.
  for (const [fields, group] of groupByFields(rows)) {
    const ordered = inLockOrder(group, target);
    const names = sql.join(
      fields.map((field) => identifier(columns[field])),
      sql`, `,
    );
    const json = rowsToJson(
      ordered.map(({ row }) => row),
      columns,
    );
    const inserted = await tx.execute(sql`
      insert into ${table} (${names})
      select ${names} from json_populate_recordset(null::${table}, ${json}::json)
      on conflict do nothing
      returning ${identifier(key)} as key, ${setAuditContext(by)}`);
    if (inserted.length === ordered.length) continue;
    const keys = new Set(inserted.map((row) => normalize(row["key"])));
    const skipped = ordered.filter(({ row }) => !keys.delete(normalize((row as RowFields)[keyField])));
    rejected.push(...(await explainConflicts(tx, target, skipped)));
  }
  return rejected;
}

/**
 * Rows in the order of their unique values, so that two transactions which insert the same rows do not deadlock. Of
 * rows with the same value, the later ones come last, so that the first is inserted.
 */
function inLockOrder<Row extends object>(
  rows: readonly NumberedRow<Row>[],
  { unique = [] }: BulkTarget,
): NumberedRow<Row>[] {
  const seen = unique.map(() => new Set<string>());
  const first: { row: NumberedRow<Row>; value: string }[] = [];
  const repeated: NumberedRow<Row>[] = [];
  for (const row of rows) {
    const values = unique.map((field) => String((row.row as RowFields)[field]).toLowerCase());
    if (values.some((value, at) => seen[at]?.has(value))) repeated.push(row);
    else first.push({ row, value: values[0] ?? "" });
    for (const [at, value] of values.entries()) seen[at]?.add(value);
  }
  first.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  return [...first.map(({ row }) => row), ...repeated];
}
