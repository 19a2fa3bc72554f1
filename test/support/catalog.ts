import type postgres from "postgres";

/**
 * Everything that migrations make, in words that two databases can be compared by: columns,
 * constraints, indexes, triggers, functions, partitions, comments.
 */
export async function catalog(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    with ours as (select oid, nspname from pg_namespace where nspname in ('public', 'partitions'))
    select 'schema ' || nspname || ' ' || coalesce(obj_description(oid, 'pg_namespace'), '') as line from ours
    union all
    select format('%s %I.%I %s %s', relkind, nspname, relname, pg_get_expr(relpartbound, c.oid), obj_description(c.oid, 'pg_class'))
    from pg_class c join ours on ours.oid = relnamespace where relkind in ('r', 'p', 'v', 'S')
    union all
    select format('column %s.%I %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
      pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
    from pg_attribute join pg_class c on c.oid = attrelid join ours on ours.oid = relnamespace
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attnum > 0 and not attisdropped and relkind in ('r', 'p')
    union all
    select format('constraint %s %I %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid))
    from pg_constraint c join ours on ours.oid = connamespace
    union all
    select 'index ' || indexdef from pg_indexes join ours on nspname = schemaname
    union all
    select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = tgrelid
    join ours on ours.oid = relnamespace where not tgisinternal
    union all
    select 'function ' || pg_get_functiondef(p.oid) from pg_proc p join ours on ours.oid = pronamespace
    order by line`;
  return rows.map((row) => row["line"] as string);
}
