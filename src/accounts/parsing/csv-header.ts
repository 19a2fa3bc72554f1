import { ImportExportError } from "../errors.ts";
import { requiredFields } from "../fields/field-values.ts";
import { type FieldMapping, unknownField } from "../mapping/field-mapping.ts";
import type { Preset } from "../presets/preset.ts";
import { delimiterName } from "./csv-dialect.ts";

/** A column; its `field` is null if the mapping omits it, and undefined if the preset reads it. */
export interface CsvColumn {
  readonly name: string;
  readonly field: string | null | undefined;
}

/** Columns of a preset whose CSV has no header; undefined for all other files. */
export const headerlessColumns = ({ preset }: FieldMapping): readonly CsvColumn[] | undefined =>
  preset?.csvColumns?.map((name) => ({ name, field: undefined }));

/** Reads the header. @throws {ImportExportError} for columns that are unknown, repeated or missing */
export function readHeader(
  record: readonly string[],
  { delimiter, mapping }: { delimiter: string; mapping: FieldMapping },
): readonly CsvColumn[] {
  const fault = (text: string) =>
    new ImportExportError(`${text} (Columns are assumed to be separated by ${delimiterName(delimiter)}.)`);
  const columns = record.map((name) => ({ name: name.trim(), field: mapping.fieldFor(name.trim()) }));
  const message =
    repeatedFieldMessage(columns) ??
    (mapping.preset === undefined ? fieldsMessage(columns) : presetMessage(columns, mapping.preset));
  if (message !== undefined) throw fault(message);
  return columns;
}

function repeatedFieldMessage(columns: readonly CsvColumn[]): string | undefined {
  const fields = columns.flatMap(({ field }) => field ?? []);
  const repeated = fields.find((field, index) => fields.indexOf(field) !== index);
  return repeated && `The first line names ${repeated} twice.`;
}

function fieldsMessage(columns: readonly CsvColumn[]): string | undefined {
  const unknown = columns.find(({ field }) => field === undefined);
  if (unknown !== undefined)
    return (
      `The first line must name the fields, and ${unknownField(unknown.name)}. ` +
      "--map COLUMN=FIELD maps a column, and --map COLUMN= omits it."
    );
  const missing = requiredFields.filter((name) => !columns.some(({ field }) => field === name));
  return missing.length === 0
    ? undefined
    : `The first line must name the fields, and ${missing.join(", ")} (or in snake_case) must be among them.`;
}

function presetMessage(columns: readonly CsvColumn[], preset: Preset): string | undefined {
  return columns.some(({ name }) => preset.hasColumn(name))
    ? undefined
    : `The first line has no column of ${preset.name}, which has ${preset.columnNames.join(", ")}.`;
}
