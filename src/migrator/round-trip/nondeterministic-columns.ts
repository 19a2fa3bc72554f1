import type { Sql } from "postgres";
import type { Script } from "../journal/folder.ts";
import { withoutComments } from "../sql/comments.ts";

const clockOrRandom =
  /\b(now|\w+_timestamp|current_\w+|localtime\w*|random|gen_random_uuid|uuidv\d|uuid_generate_\w+)\b/i;

/**
 * Returns the columns, by "schema.table", whose values may differ between two runs of a script: identity columns,
 * columns with a function call as default, columns that reference these, and, where the script calls a clock or a
 * random function, all columns of date, time and UUID types.
 */
export async function readNondeterministicColumns(sql: Sql, { sql: text }: Script): Promise<Map<string, string[]>> {
  const types = clockOrRandom.test(withoutComments(text))
    ? ["date", "time", "timetz", "timestamp", "timestamptz", "uuid"]
    : [];
  const rows = await sql`
    with recursive nondeterministic (relid, attnum) as (
      select attrelid, attnum from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attnum > 0 and (
        attidentity <> '' or pg_get_expr(adbin, adrelid) ~ '\\(|CURRENT_|LOCALTIME'
        or atttypid in (select oid from pg_type where typname in (select json_array_elements_text(${JSON.stringify(types)}::text::json))))
      union
      select conrelid, own from pg_constraint cross join unnest(conkey, confkey) as pair (own, other)
      join nondeterministic on relid = confrelid and nondeterministic.attnum = other where contype = 'f'
    )
    select nspname || '.' || relname as table, json_agg(attname) as columns
    from nondeterministic join pg_class c on c.oid = relid join pg_namespace n on n.oid = relnamespace
    join pg_attribute a on a.attrelid = relid and a.attnum = nondeterministic.attnum
    group by 1`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}
