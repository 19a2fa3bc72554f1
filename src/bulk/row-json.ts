import type { Column } from "drizzle-orm";
import { InvalidInputError } from "../errors.ts";
import { writeJson } from "../json/index.ts";
import type { NumberedRow } from "./batches.ts";
import type { RowFields } from "./target.ts";

// Rows are sent as one JSON text, which PostgreSQL reads with the table's own types. It is faster than one parameter a
// value, of which a statement can have 65,535.

/** Rows as a JSON array of objects by column names. */
export const rowsToJson = (rows: readonly object[], columns: Record<string, Column>): string =>
  `[${rows.map((row) => writeJson(byColumnName(row, columns))).join(",")}]`;

/**
 * The values of a row by column names. JSON omits undefined values.
 *
 * @throws {InvalidInputError} for an infinite number or an invalid date, which JSON would write as null
 */
export function byColumnName(row: object, columns: Record<string, Column>): RowFields {
  const values: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(row)) {
    const number = value instanceof Date ? value.getTime() : value;
    if (typeof number === "number" && !Number.isFinite(number)) {
      throw new InvalidInputError(`${field}: is no ${value instanceof Date ? "time" : "number"}.`, { field });
    }
    values[columns[field]?.name ?? field] = value;
  }
  return values;
}

/** Fields that have a value. Null is a value. */
export const fieldsOf = (row: object): string[] =>
  Object.keys(row).filter((field) => (row as RowFields)[field] !== undefined);

/** Groups rows that have the same fields. */
export function groupByFields<Row extends object>(
  batch: readonly NumberedRow<Row>[],
): [fields: string[], rows: NumberedRow<Row>[]][] {
  const groups = new Map<string, NumberedRow<Row>[]>();
  for (const numbered of batch) {
    const fields = fieldsOf(numbered.row).sort().join();
    const group = groups.get(fields);
    if (group === undefined) groups.set(fields, [numbered]);
    else group.push(numbered);
  }
  return [...groups].map(([fields, rows]) => [fields.split(","), rows]);
}
