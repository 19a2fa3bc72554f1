/** Settings that the output of functions such as pg_get_constraintdef depends on. */
const fixed = {
  // Only built-in names are unqualified, and temporary tables do not shadow them.
  search_path: "pg_catalog, pg_temp",
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  quote_all_identifiers: "off",
  // JIT compilation of the long query takes longer than its execution.
  jit: "off",
};

const names = Object.keys(fixed)
  .map((name) => `('${name}')`)
  .join(", ");
const values = Object.entries(fixed)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(", ");

/**
 * Returns a query string of three statements, of which the second is `query`, run with fixed settings. The settings are
 * local and are reset explicitly: outside of a transaction they end with the implicit transaction of the query string
 * (manual, 55.2.2.1), but in a transaction of the caller they would remain. BEGIN and SAVEPOINT do not work in both
 * cases. After an error, PostgreSQL resets them.
 */
export function withFixedSettings(query: string): string {
  return `
    select set_config('catalog.' || name, current_setting(name), true), set_config(name, value, true)
    from (values ${values}) as fixed (name, value);
    ${query};
    select set_config(name, current_setting('catalog.' || name), true) from (values ${names}) as fixed (name);`;
}
