import type { ExportedField, ExportedUser } from "../../repositories/index.ts";

/** A user as a line of CSV (RFC 4180). A field without a value is empty. */
export function csvLine(user: ExportedUser, fields: readonly ExportedField[]): string {
  return `${fields.map((field) => csvField(user[field] ?? "")).join(",")}\n`;
}

/** Quotes a text that contains special characters, and texts that other programs read as no value, such as NULL. */
const csvField = (text: string) =>
  /[",\r\n]|^\s|\s$|^(?:NULL|\\N)$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Fields that PostgreSQL writes as JSON. */
const jsonFields: ReadonlySet<ExportedField> = new Set(["emailVerified", "metadata"]);

/** A user as a line of JSON. */
export function jsonLine(user: ExportedUser, fields: readonly ExportedField[]): string {
  const members = fields.map((field) => {
    const text = user[field] ?? null;
    return `${JSON.stringify(field)}:${jsonFields.has(field) ? text : JSON.stringify(text)}`;
  });
  return `{${members.join(",")}}\n`;
}
