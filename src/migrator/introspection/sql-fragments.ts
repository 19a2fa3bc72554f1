/** A subselect: elements of a text array in one text, in an order that no collation changes. */
export function listOf(array: string): string {
  return `(select string_agg(element, ', ' order by element collate "C") from unnest(${array}) as list (element))`;
}

/** A subselect: names of columns in one text, in the order of the column numbers given. */
export function columnNames(relation: string, numbers: string): string {
  return `(
    select string_agg(quote_ident(attname), ', ' order by place)
    from unnest(${numbers}) with ordinality as key (number, place)
    join pg_attribute on attrelid = ${relation} and attnum = key.number)`;
}

/** A subselect: a relation's name with its schema. */
export function relationName(oid: string): string {
  return `(
    select format('%I.%I', nspname, relname)
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = ${oid})`;
}
