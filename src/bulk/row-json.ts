import type { Column } from "drizzle-orm";
import { InvalidInputError } from "../errors.ts";
import { writeJson } from "../json/index.ts";
import type { NumberedRow } from "./batches.ts";
import type { RowFields } from "./target.ts";

// Rows are sent as one JSON text, which PostgreSQL reads with the table's own types. It is faster than one parameter a
// value, of which a statement can have 65,535.

/** What the INSERT statement of a row needs. The row itself is not kept, because two copies would take more memory. */
export interface EncodedRow {
  /** The key and the unique fields. */
  readonly identity: RowFields;
  /** Names of the fields that have a value, sorted and joined by commas. */
  readonly fields: string;
  /** JSON object by column names. */
  readonly json: string;
}

/** Encodes a row. @throws {InvalidInputError} for an infinite number or an invalid date */
export const encodeRow = (
  row: object,
  { columns, identifying }: { columns: Record<string, Column>; identifying: readonly string[] },
): EncodedRow => ({
  identity: Object.fromEntries(identifying.map((field) => [field, (row as RowFields)[field]])),
  fields: fieldsOf(row).sort().join(),
  json: writeJson(byColumnName(row, columns)),
});

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
export function groupByFields(
  batch: readonly NumberedRow<EncodedRow>[],
): [fields: string[], rows: NumberedRow<EncodedRow>[]][] {
  const groups = new Map<string, NumberedRow<EncodedRow>[]>();
  for (const numbered of batch) {
    const group = groups.get(numbered.row.fields);
    if (group === undefined) groups.set(numbered.row.fields, [numbered]);
    else group.push(numbered);
  }
  return [...groups].map(([fields, rows]) => [fields.split(","), rows]);
}
