import { importedUser } from "../repositories/user-rules.ts";

/** What a row gives, by the fields of a user. */
export type Fields = Record<string, unknown>;

/** One row of a file, by the line on which it begins: its fields, or why they cannot be had. */
export type Line = { readonly line: number } & (
  | { readonly fields: Fields }
  | { readonly fault: { readonly field: string | null; readonly message: string } }
);

/** Bytes that one row may take: the longest user there can be fits in several times. */
export const longestRow = 256 * 1024;
export const tooLong = { field: null, message: `is longer than ${longestRow} bytes` };

const fields = Object.keys(importedUser.shape);
export const required = ["email", "username", "passwordHash"];

const snakeCase = (field: string) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const known = new Map(fields.flatMap((field) => [field, snakeCase(field)].map((name) => [name, field])));

/** The field that a column or a key is called by; undefined: users have none such. */
export const fieldNamed = (name: string): string | undefined => known.get(name);

/** Said of a name that is none. */
export const unknownField = (name: string) =>
  `${JSON.stringify(name.slice(0, 60))} is no field of users; there are ${fields.join(", ")} (or in snake_case)`;
