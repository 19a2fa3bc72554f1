import { ImportExportError } from "../errors.ts";
import { type FieldFault, type Fields, readTextField, unreadable } from "../formats/fields.ts";
import type { Preset } from "../presets/presets.ts";
import { importedFields } from "./imported-user.ts";

/** Which column or key is which field, and what becomes of those that are none. */
export interface Mapping {
  /** The same for mappings that read a row in the same way. */
  readonly description: string;
  /** Of another system's rows; undefined: they are of users as they are here. */
  readonly preset?: Preset | undefined;
  /** The field that a column or a key is called by; null: it is left out on purpose; undefined: users have none such. */
  fieldNamed(name: string): string | null | undefined;
  /** Counts a value that has no place here. */
  leaveOut(name: string): void;
  /** Values that had no place here, by the name of their column or key. */
  leftOut(): Readonly<Record<string, number>>;
}

/** The same name in any case, with spaces, hyphens, underscores or without: `E-Mail`, `Password Hash`, `password_hash`. */
const plain = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, "");

const known = new Map(importedFields.map((field) => [plain(field), field]));

/** Names that are counted: a file of objects with keys of their own could have any number. */
const mostCounted = 1_000;

/**
 * @param options.columns fields by the columns of the file; an empty one: the column is left out
 * @throws {ImportExportError} for a field that there is none of
 */
export function createMapping({
  columns = {},
  preset,
}: {
  columns?: Readonly<Record<string, string>> | undefined;
  preset?: Preset | undefined;
} = {}): Mapping {
  const mapped = new Map(
    Object.entries(columns).map(([name, target]) => {
      const field = target === "" ? null : known.get(plain(target));
      if (field === undefined) throw new ImportExportError(`--map ${name}=${target}: ${unknownField(target)}.`);
      return [name, field];
    }),
  );
  const counts = new Map<string, number>();
  return {
    description: JSON.stringify({ from: preset?.name, map: [...mapped].sort(([a], [b]) => (a < b ? -1 : 1)) }),
    preset,
    fieldNamed: (name) => {
      const field = mapped.get(name);
      return field === undefined && preset === undefined ? known.get(plain(name)) : field;
    },
    leaveOut: (name) => {
      const key = counts.has(name) || counts.size < mostCounted ? name.slice(0, 100) : "others";
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    leftOut: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Said of a name that is none. */
export const unknownField = (name: string) =>
  `${JSON.stringify(name.slice(0, 60))} is no field of users; there are ${importedFields.join(", ")} (or in snake_case)`;

/** The fields of a row of another system: what its preset makes of it, and what the mapping says beside. */
export function fieldsOf(
  row: Readonly<Record<string, unknown>>,
  preset: Preset,
  mapping: Mapping,
): { fields: Fields } | { fault: FieldFault } {
  const fields: Fields = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (value === null || value === undefined || value === "") continue;
    const field = mapping.fieldNamed(name);
    if (field === null) mapping.leaveOut(name);
    else if (field === undefined) rest[name] = value;
    else {
      const mapped = typeof value === "string" ? readTextField(field, value) : value;
      if (mapped === undefined) return { fault: { field, message: unreadable(field) } };
      fields[field] = mapped;
    }
  }
  const read = preset.read(rest);
  if ("fault" in read) return read;
  for (const name of read.leftOut) mapping.leaveOut(name);
  return { fields: { ...read.fields, ...fields } };
}
