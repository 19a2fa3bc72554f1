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
 *
 * @param options.omit the name of a field that the rows do not have
 */
export function mapFlat(prepared: object, { omit }: { omit?: string } = {}): PreparedRows {
  const { fields } = prepared as { fields?: readonly SelectedField[] };
  if (fields === undefined || fields.some(({ path }) => path.length !== 1))
    throw new TypeError("the fields of this query are nested");
  const columns = fields
    .map(({ path: [name = ""], field }, index) => ({ name, index, decode: decoderOf(field) }))
    .filter(({ name }) => name !== omit);
  const toRow = (values: readonly unknown[]) => {
    const row: Record<string, unknown> = {};
    for (const { name, index, decode } of columns) {
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
