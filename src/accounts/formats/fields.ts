import { JsonText } from "../../json/index.ts";

/** What a row gives, by the fields of a user. */
export type Fields = Record<string, unknown>;

/** Why a row cannot be had. */
export interface FieldFault {
  readonly field: string | null;
  readonly message: string;
}

/** One row of a file, by the line on which it begins: its fields, or why they cannot be had. */
export type Line = { readonly line: number } & ({ readonly fields: Fields } | { readonly fault: FieldFault });

/** Bytes that one row may take: the longest user there can be fits in several times. */
export const longestRow = 256 * 1024;
export const tooLong = { field: null, message: `is longer than ${longestRow} bytes` };

export const required = ["email", "username", "passwordHash"];

/** A text of CSV as the value of its field; undefined: it cannot be read. */
export function readTextField(field: string, text: string): unknown {
  if (field === "metadata") return readJsonText(text);
  if (field !== "emailVerified") return text;
  const word = text.toLowerCase();
  return ["true", "t", "1", "yes"].includes(word) || (["false", "f", "0", "no"].includes(word) ? false : undefined);
}

/** What is said of a text that cannot be read. */
export const unreadable = (field: string): string => (field === "metadata" ? "must be JSON" : "must be true or false");

function readJsonText(text: string): JsonText | undefined {
  try {
    return JsonText.read(text);
  } catch {
    return undefined;
  }
}
