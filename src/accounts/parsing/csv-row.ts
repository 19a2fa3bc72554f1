import { type FieldValues, parseTextField, type RowIssue, type RowResult } from "../fields/field-values.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import { presetFields } from "../mapping/preset-fields.ts";
import { type CsvDialect, delimiterName } from "./csv-dialect.ts";
import type { CsvColumn } from "./csv-header.ts";

/** What all rows of a file have in common. */
export interface CsvTable {
  readonly columns: readonly CsvColumn[];
  readonly dialect: CsvDialect;
  readonly mapping: FieldMapping;
}

/** Reads the fields of a record. */
export function readCsvRow(record: readonly string[], table: CsvTable): RowResult {
  const { columns, mapping } = table;
  const issue = columnCountIssue(record, table);
  if (issue !== undefined) return { issue };
  if (mapping.preset !== undefined) {
    const row = Object.fromEntries(
      columns.map(({ name }, index) => [name, isNull(record[index]) ? undefined : record[index]]),
    );
    return presetFields(row, { mapping, preset: mapping.preset });
  }
  const fields: FieldValues = {};
  for (const [index, { name, field }] of columns.entries()) {
    const text = record[index];
    if (text === undefined || (isNull(text) && !(field === "username" && text === "NULL"))) continue;
    if (field === null) mapping.countOmitted(name);
    else if (field !== undefined) {
      const parsed = parseTextField(field, text);
      if ("issue" in parsed) return parsed;
      fields[field] = parsed.value;
    }
  }
  return { fields };
}

function columnCountIssue(
  record: readonly string[],
  { columns, dialect: { delimiter }, mapping }: CsvTable,
): RowIssue | undefined {
  // A row of CSV without a header may omit its last fields.
  const fewest = mapping.preset?.csvColumns === undefined ? columns.length : 0;
  if (record.length >= fewest && record.length <= columns.length) return undefined;
  const separator = delimiter === "," ? "" : `, separated by ${delimiterName(delimiter)}`;
  return { field: null, message: `has ${record.length} fields instead of ${columns.length}${separator}` };
}

/**
 * Whether a field has no value. Quoted and unquoted fields are not distinguished, which would take the parser three
 * times as long. Only a username can be the text NULL, so the caller makes that exception.
 */
const isNull = (text: string | undefined) => text === undefined || text === "" || text === "NULL" || text === "\\N";
