import type { Sql } from "postgres";
import type { Script } from "../journal/folder.ts";
import { withoutComments } from "../sql/comments.ts";

const clockOrDice =
  /\b(now|\w+_timestamp|current_\w+|localtime\w*|random|gen_random_uuid|uuidv\d|uuid_generate_\w+)\b/i;

/**
 * Columns, by "schema.table", that a migration which runs twice may fill otherwise: identities, defaults that
 * call a function, what refers to such a column, and, where the script has a clock or dice, times and UUIDs.
 */
export async function readNondeterministicColumns(sql: Sql, { sql: text }: Script): Promise<Map<string, string[]>> {
  const types = clockOrDice.test(withoutComments(text))
    ? ["date", "time", "timetz", "timestamp", "timestamptz", "uuid"]
    : [];
  const rows = await sql`
    with recursive moving (relid, attnum) as (
      select attrelid, attnum from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attnum > 0 and (
        attidentity <> '' or pg_get_expr(adbin, adrelid) ~ '\\(|CURRENT_|LOCALTIME'
        or atttypid in (select oid from pg_type where typname in (select json_array_elements_text(${JSON.stringify(types)}::text::json))))
      union
      select conrelid, own from pg_constraint cross join unnest(conkey, confkey) as pair (own, other)
      join moving on relid = confrelid and moving.attnum = other where contype = 'f'
    )
    select nspname || '.' || relname as table, json_agg(attname) as columns
    from moving join pg_class c on c.oid = relid join pg_namespace n on n.oid = relnamespace
    join pg_attribute a on a.attrelid = relid and a.attnum = moving.attnum
    group by 1`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}
