import { JsonText } from "../../json/index.ts";

/** Values of one row by the names of a user's fields. */
export type FieldValues = Record<string, unknown>;

/** Why a row cannot be imported: the field at fault, or null for the row as a whole. */
export interface RowIssue {
  readonly field: string | null;
  readonly message: string;
}

/** The field values of a row, or why it has none. */
export type RowResult = { readonly fields: FieldValues } | { readonly issue: RowIssue };

/** A row with the number of its first line in the file, from 1. */
export type ParsedRow = { readonly line: number } & RowResult;

/** Largest size of a row (bytes); several times the largest user. */
export const maxRowBytes = 256 * 1024;
export const rowTooLong: RowIssue = { field: null, message: `is longer than ${maxRowBytes} bytes` };

/** Fields that every file must have. */
export const requiredFields: readonly string[] = ["email", "username", "passwordHash"];

/** Parses a field of CSV. Metadata is JSON and `emailVerified` a boolean; other fields stay text, which validation checks. */
export function parseTextField(
  field: string,
  text: string,
): { readonly value: unknown } | { readonly issue: RowIssue } {
  if (field === "metadata") {
    const value = parseJsonText(text);
    return value === undefined ? { issue: { field, message: "must be JSON" } } : { value };
  }
  if (field !== "emailVerified") return { value: text };
  const value = parseBoolean(text);
  return value === undefined ? { issue: { field, message: "must be true or false" } } : { value };
}

/** The boolean that a text means, in the spellings of PostgreSQL, spreadsheets and programs; undefined for other texts. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (["true", "t", "1", "yes"].includes(word)) return true;
  return ["false", "f", "0", "no"].includes(word) ? false : undefined;
}

function parseJsonText(text: string): JsonText | undefined {
  try {
    return JsonText.read(text);
  } catch {
    return undefined;
  }
}
