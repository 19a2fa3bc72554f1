import { JsonText, markInexactNumbers, memberText } from "../../json/index.ts";
import { fieldsOf, type Mapping, unknownField } from "../import/mapping.ts";
import type { FieldFault, Fields } from "./fields.ts";

/** Zeros at the end of a fraction, which a double does not keep. */
const fractionEndsInZero = /\.\d*0(?!\d)/;

/** The fields of one user that is a JSON object. */
export function jsonRow(text: string, mapping: Mapping): { fields: Fields } | { fault: FieldFault } {
  const given = parse(text);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { fault: { field: null, message: "must be a JSON object" } };
  }
  if (mapping.preset !== undefined) return fieldsOf(given as Fields, mapping.preset, mapping);
  const fields: Fields = {};
  for (const [name, value] of Object.entries(given)) {
    const field = mapping.fieldNamed(name);
    if (field === undefined) return { fault: { field: null, message: unknownField(name) } };
    if (field !== null && field in fields) return { fault: { field, message: "is there twice" } };
    // As in CSV, where there is no other way to say so.
    if (value === null) continue;
    if (field === null) mapping.leaveOut(name);
    else fields[field] = field === "metadata" && fractionEndsInZero.test(text) ? textOf(text, name, value) : value;
  }
  return { fields };
}

function textOf(json: string, name: string, value: unknown): unknown {
  const member = memberText(json, name);
  return member === undefined ? value : JsonText.read(member);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(markInexactNumbers(text));
  } catch {
    return undefined;
  }
}
