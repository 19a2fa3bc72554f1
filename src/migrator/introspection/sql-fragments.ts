/** A condition on pg_namespace: the schema is neither PostgreSQL's own nor that of temporary tables. */
export const isUserSchema = "nspname !~ '^pg_' and nspname <> 'information_schema'";

/** A subselect: the elements of a text array as one text, ordered by collation "C". @param where on `element` */
export function listOf(array: string, where = "true"): string {
  return `(
    select string_agg(element, ', ' order by element collate "C") from unnest(${array}) as list (element) where ${where})`;
}

/** A subselect: the names of columns as one text, in the order of the given column numbers. */
export function columnNames(relation: string, numbers: string): string {
  return `(
    select string_agg(quote_ident(attname), ', ' order by place)
    from unnest(${numbers}) with ordinality as key (number, place)
    join pg_attribute on attrelid = ${relation} and attnum = key.number)`;
}

/** A subselect: the qualified name of a relation. */
export function relationName(oid: string): string {
  return `(
    select format('%I.%I', nspname, relname)
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = ${oid})`;
}
