import { Column, is, SQL } from "drizzle-orm";

/** A column or expression of a select, with its place in the row: `fields` of Drizzle's prepared queries. */
interface SelectedField {
  readonly path: readonly string[];
  readonly field: Column | SQL | SQL.Aliased;
}

/** A prepared query. */
// biome-ignore lint/suspicious/noExplicitAny: the type of its rows depends on its columns
type PreparedRows = { execute(values: object): Promise<any[]> };

/**
 * Gives a prepared query of Drizzle a mapper for rows without nesting. Drizzle's own examines the kind of each field for
 * every row, which takes several times as long as the rest.
 */
export function mapFlat(prepared: object): PreparedRows {
  const { fields } = prepared as { fields?: readonly SelectedField[] };
  if (fields === undefined || fields.some(({ path }) => path.length !== 1))
    throw new TypeError("the fields of this query are nested");
  const columns = fields.map(({ path: [name = ""], field }) => ({ name, decode: decoderOf(field) }));
  const toRow = (values: readonly unknown[]) => {
    const row: Record<string, unknown> = {};
    for (const [index, { name, decode }] of columns.entries()) {
      const value = values[index];
      row[name] = value === null || decode === undefined ? value : decode(value);
    }
    return row;
  };
  return Object.assign(prepared, { customResultMapper: (rows: readonly unknown[][]) => rows.map(toRow) }) as never;
}

/** Undefined for a column whose value the driver has decoded. */
function decoderOf(field: SelectedField["field"]): ((value: unknown) => unknown) | undefined {
  const decoder = is(field, Column) ? field : is(field, SQL) ? decoderIn(field) : decoderIn(field.sql);
  if (decoder.mapFromDriverValue === Column.prototype.mapFromDriverValue) return undefined;
  return (value) => decoder.mapFromDriverValue(value as never);
}

/** The decoder of an SQL expression, which Drizzle's types hide. */
const decoderIn = (expression: SQL) => (expression as unknown as { decoder: Column }).decoder;
