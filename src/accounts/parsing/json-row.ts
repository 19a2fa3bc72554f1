import { JsonText, markInexactNumbers, memberText } from "../../json/index.ts";
import type { FieldValues, RowResult } from "../fields/field-values.ts";
import { type FieldMapping, unknownField } from "../mapping/field-mapping.ts";
import { presetFields } from "../mapping/preset-fields.ts";

/** Zeros at the end of a fraction, which a JavaScript number would lose. */
const trailingFractionZero = /\.\d*0(?!\d)/;

/** Reads the fields of a JSON object. */
export function readJsonRow(text: string, mapping: FieldMapping): RowResult {
  const row = parseJsonObject(text);
  if (row === undefined) return { issue: { field: null, message: "must be a JSON object" } };
  if (mapping.preset !== undefined) return presetFields(row, { mapping, preset: mapping.preset });
  const fields: FieldValues = {};
  for (const [name, value] of Object.entries(row)) {
    const field = mapping.fieldFor(name);
    if (field === undefined) return { issue: { field: null, message: unknownField(name) } };
    if (field !== null && field in fields) return { issue: { field, message: "occurs twice" } };
    // null means no value, like an empty field of CSV.
    if (value === null) continue;
    if (field === null) mapping.countOmitted(name);
    else if (field === "metadata" && trailingFractionZero.test(text))
      fields[field] = memberJsonText(text, name) ?? value;
    else fields[field] = value;
  }
  return { fields };
}

function memberJsonText(json: string, name: string): JsonText | undefined {
  const member = memberText(json, name);
  return member === undefined ? undefined : JsonText.read(member);
}

function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(markInexactNumbers(text));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
