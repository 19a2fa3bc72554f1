import { type FieldValues, parseTextField, type RowResult } from "../fields/field-values.ts";
import type { Preset } from "../presets/preset.ts";
import type { FieldMapping } from "./field-mapping.ts";

/**
 * Reads a row of another system by the mapping's preset. A column that the mapping names itself takes precedence over
 * the preset.
 */
export function presetFields(
  row: Readonly<Record<string, unknown>>,
  { mapping, preset }: { mapping: FieldMapping; preset: Preset },
): RowResult {
  const mappedFields: FieldValues = {};
  const unmapped: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (value === null || value === undefined || value === "") continue;
    const field = mapping.fieldFor(name);
    if (field === null) mapping.countOmitted(name);
    else if (field === undefined) unmapped[name] = value;
    else {
      const parsed = typeof value === "string" ? parseTextField(field, value) : { value };
      if ("issue" in parsed) return parsed;
      mappedFields[field] = parsed.value;
    }
  }
  const read = preset.read(unmapped);
  if ("issue" in read) return read;
  for (const name of read.unread) mapping.countOmitted(name);
  return { fields: { ...read.fields, ...mappedFields } };
}
