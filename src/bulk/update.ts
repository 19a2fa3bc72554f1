import { and, getTableColumns, getTableName, sql } from "drizzle-orm";
import { type Actor, type Executor, setAuditContext } from "../database/index.ts";
import type { NumberedRow } from "./batches.ts";
import { explainMissing } from "./explanations.ts";
import type { RejectedRow } from "./report.ts";
import { byColumnName, fieldsOf } from "./row-json.ts";
import { type BulkTarget, identifier, keyNormalizer } from "./target.ts";

/** A change of one row, and the version that the caller read, if any. */
export interface RowChange {
  readonly id: string;
  readonly version?: Date | undefined;
  readonly change: object;
}

interface UpdateOptions {
  readonly target: BulkTarget;
  readonly by: Actor;
  readonly rows: readonly NumberedRow<RowChange>[];
}

/**
 * Updates rows, each with its own change. A row that occurs several times is updated as often, in the order of the
 * input; one UPDATE statement applies only one of the changes of a row.
 *
 * @returns the rows that do not exist, or have another version than the caller read
 */
export async function updateBatch(tx: Executor, { target, by, rows }: UpdateOptions): Promise<RejectedRow[]> {
  const normalize = keyNormalizer(target.key);
  const rejected: RejectedRow[] = [];
  let remaining = rows;
  while (remaining.length > 0) {
    const first = new Map<string, NumberedRow<RowChange>>();
    const repeated: NumberedRow<RowChange>[] = [];
    for (const update of remaining) {
      const id = normalize(update.row.id);
      if (first.has(id)) repeated.push(update);
      else first.set(id, update);
    }
    // In the order of ids, so that two transactions which update the same rows do not deadlock.
    const ordered = [...first].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, update]) => update);
    rejected.push(...(await updateOnce(tx, { target, by, rows: ordered })));
    remaining = repeated;
  }
  return rejected;
}

async function updateOnce(tx: Executor, { target, by, rows }: UpdateOptions): Promise<RejectedRow[]> {
  const { table, key, version, visible } = target;
  const columns = getTableColumns(table);
  const fields = [...new Set(rows.flatMap(({ row }) => fieldsOf(row.change)))];
  const given = rows.map(({ row: { id, version: seen, change } }) => ({
    id,
    seen,
    change: byColumnName(change, columns),
  }));
  // A field that a change leaves out is read from the row as the statement locks it, after concurrent updates.
  const set = fields.map((field) => {
    const column = identifier(columns[field]);
    return sql`${column} = (jsonb_populate_record(${sql.identifier(getTableName(table))}, given.change)).${column}`;
  });
  // An empty change still reports whether the row exists in this version.
  if (set.length === 0) set.push(sql`${identifier(key)} = ${key}`);
  const updated = await tx.execute(sql`
    update ${table} set ${sql.join(set, sql`, `)}
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, seen timestamptz, change jsonb)
    where ${and(
      sql`${key} = given.id`,
      visible,
      version && sql`(given.seen is null or date_trunc('milliseconds', ${version}) = given.seen)`,
    )}
    returning ${key} as key, ${setAuditContext(by)}`);
  const normalize = keyNormalizer(key);
  const keys = new Set(updated.map((row) => normalize(row["key"])));
  const missing = rows.filter(({ row }) => !keys.has(normalize(row.id)));
  return explainMissing(tx, target, missing);
}
