import type { ExportedField, ExportedUser } from "../../repositories/index.ts";

/** A user as a line of CSV (RFC 4180); a field without a value is empty. */
export function csvLine(user: ExportedUser, fields: readonly ExportedField[]): string {
  return `${fields.map((field) => quoted(user[field] ?? "")).join(",")}\n`;
}

// Quoted, so that no other program takes NULL for no value.
const quoted = (text: string) =>
  /[",\r\n]|^\s|\s$|^(?:NULL|\\N)$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Fields whose text is JSON already. */
const json: ReadonlySet<ExportedField> = new Set(["emailVerified", "metadata"]);

/** A user as a line of JSON. */
export function jsonLine(user: ExportedUser, fields: readonly ExportedField[]): string {
  const members = fields.map((field) => {
    const text = user[field] ?? null;
    return `${JSON.stringify(field)}:${json.has(field) ? text : JSON.stringify(text)}`;
  });
  return `{${members.join(",")}}\n`;
}
