/**
 * What PostgreSQL's own words for definitions depend on: which names need their schema, and how
 * dates and numbers in expressions are written.
 */
const fixed = {
  // Nothing but built-in names goes without its schema; a temporary table shadows none of them.
  search_path: "pg_catalog, pg_temp",
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  quote_all_identifiers: "off",
  // Compiling so long a query takes longer than running it.
  jit: "off",
};

const names = Object.keys(fixed)
  .map((name) => `('${name}')`)
  .join(", ");
const values = Object.entries(fixed)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(", ");

/**
 * A text of three statements; the second is `query`, run with settings that its answer does not vary
 * with. They are local, and put back by hand: outside of a transaction they end with this text, which
 * is one implicitly, but inside of the caller's they would last, and neither BEGIN nor SAVEPOINT works
 * in both (manual, 55.2.2.1). After an error PostgreSQL puts them back.
 */
export function withFixedSettings(query: string): string {
  return `
    select set_config('catalog.' || name, current_setting(name), true), set_config(name, value, true)
    from (values ${values}) as fixed (name, value);
    ${query};
    select set_config(name, current_setting('catalog.' || name), true) from (values ${names}) as fixed (name);`;
}
