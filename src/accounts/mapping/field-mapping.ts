import { ImportExportError } from "../errors.ts";
import { importableFields } from "../fields/imported-user.ts";
import type { Preset } from "../presets/preset.ts";

/** Which column or key of a file is which field of a user. */
export interface FieldMapping {
  /** Text that is equal for two mappings if and only if they map every row in the same way. */
  readonly description: string;
  /** How to read rows of another system; undefined for rows that have the fields of this service. */
  readonly preset?: Preset | undefined;
  /** The field of a column or key; null if the mapping omits it; undefined if users have no such field. */
  fieldFor(name: string): string | null | undefined;
  /** Counts a value that is not imported, by the name of its column or key. */
  countOmitted(name: string): void;
  /** The counts so far. */
  omittedCounts(): Readonly<Record<string, number>>;
}

/** Equal for spellings of one name: `E-Mail` and `email`, `Password Hash`, `password_hash` and `passwordHash`. */
const normalized = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, "");

const fieldsByName = new Map(importableFields.map((field) => [normalized(field), field]));

/** Names that are counted one by one. A file of objects with unlimited key names must not fill the memory. */
const maxCountedNames = 1_000;

/**
 * Creates the mapping of one import.
 *
 * @param options.columns field names by column name; an empty field name omits the column
 * @param options.preset reads rows of another system
 * @throws {ImportExportError} for a field that users do not have
 */
export function createFieldMapping({
  columns = {},
  preset,
}: {
  columns?: Readonly<Record<string, string>> | undefined;
  preset?: Preset | undefined;
} = {}): FieldMapping {
  const fieldsByColumn = new Map(
    Object.entries(columns).map(([column, target]) => {
      const field = target === "" ? null : fieldsByName.get(normalized(target));
      if (field === undefined) throw new ImportExportError(`--map ${column}=${target}: ${unknownField(target)}.`);
      return [column, field];
    }),
  );
  const counts = new Map<string, number>();
  return {
    description: JSON.stringify({ from: preset?.name, map: sortedByName(fieldsByColumn) }),
    preset,
    fieldFor: (name) => {
      const field = fieldsByColumn.get(name);
      return field === undefined && preset === undefined ? fieldsByName.get(normalized(name)) : field;
    },
    countOmitted: (name) => {
      const key = counts.has(name) || counts.size < maxCountedNames ? name.slice(0, 100) : "others";
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    omittedCounts: () => Object.fromEntries(sortedByName(counts)),
  };
}

const sortedByName = <Value>(entries: ReadonlyMap<string, Value>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

/** The message for a name that is not a field, with the names that are. */
export const unknownField = (name: string): string =>
  `${JSON.stringify(name.slice(0, 60))} is not a field of users; the fields are ${importableFields.join(", ")} (or in snake_case)`;
