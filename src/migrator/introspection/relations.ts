import { listOf, relationName } from "./sql-fragments.ts";

const schemas = `
  select 'schema', quote_ident(nspname), null, null::oid, 'pg_namespace'::regclass, oid, 0 from space`;

const tablesAndViews = `
  select
    case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
    format('%I.%I', nspname, relname),
    concat_ws(' ',
      case relpersistence when 'u' then 'unlogged' end,
      'of ' || nullif(reloftype, 0)::regtype,
      'inherits ' || (select string_agg(${relationName("inhparent")}, ', ' order by inhseqno) from pg_inherits where inhrelid = c.oid),
      pg_get_expr(relpartbound, c.oid),
      'partition by ' || pg_get_partkeydef(c.oid),
      'using ' || (select amname from pg_am where pg_am.oid = relam and amname <> 'heap'),
      'tablespace ' || (select spcname from pg_tablespace where pg_tablespace.oid = reltablespace),
      'with ' || ${listOf("reloptions")},
      'toast with ' || (select ${listOf("toast.reloptions")} from pg_class toast where toast.oid = c.reltoastrelid),
      case when relrowsecurity then 'row level security' end,
      case when relforcerowsecurity then 'forced on the owner' end,
      case relreplident when 'n' then 'replica identity nothing' when 'f' then 'replica identity full' end,
      (select concat_ws(' ', 'server', srvname, ${listOf("ftoptions")})
       from pg_foreign_table join pg_foreign_server on pg_foreign_server.oid = ftserver where ftrelid = c.oid),
      case when relkind in ('v', 'm') then 'as ' || pg_get_viewdef(c.oid) end),
    c.oid, 'pg_class'::regclass, c.oid, 0
  from pg_class c join space on space.oid = relnamespace
  where relkind in ('r', 'p', 'f', 'v', 'm')`;

/** Without positions: a column that is dropped and added again becomes the last one. */
const columns = `
  select
    case c.relkind when 'c' then 'attribute' else 'column' end,
    format('%I.%I.%I', nspname, relname, attname),
    concat_ws(' ',
      format_type(atttypid, atttypmod),
      'collate ' || nullif(nullif(attcollation, typcollation), 0)::regcollation,
      case when attnotnull then 'not null' end,
      -- Since PostgreSQL 18; not part of attnotnull.
      case when not n.convalidated then 'not valid' end,
      case when n.connoinherit then 'no inherit' end,
      case attidentity when 'a' then 'identity always' when 'd' then 'identity by default' end,
      case attgenerated when 's' then 'generated stored' when 'v' then 'generated virtual' else case when adbin is not null then 'default' end end,
      pg_get_expr(adbin, adrelid),
      'storage ' || nullif(attstorage, typstorage)::text,
      'compression ' || nullif(attcompression, '')::text,
      'statistics ' || nullif(attstattarget, -1),
      -- PostgreSQL's own mark, seen in 15.20 and not in 15.18: equal columns have different ones.
      'with ' || ${listOf("attoptions", "element !~ '^pg_attver='")},
      'options ' || ${listOf("attfdwoptions")}),
    c.oid, 'pg_class'::regclass, c.oid, attnum
  from pg_attribute
  join pg_class c on c.oid = attrelid
  join space on space.oid = relnamespace
  join pg_type t on t.oid = atttypid
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  left join pg_constraint n on n.conrelid = attrelid and n.contype = 'n' and n.conkey[1] = attnum
  where attnum > 0 and not attisdropped and c.relkind in ('r', 'p', 'f', 'v', 'm', 'c')`;

/** A sequence belongs to the table whose column owns it. */
const sequences = `
  select
    'sequence',
    format('%I.%I', nspname, c.relname),
    concat_ws(' ',
      case c.relpersistence when 'u' then 'unlogged' end,
      format('as %s start %s increment %s from %s to %s cache %s', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache),
      case when seqcycle then 'cycle' end,
      'owned by ' || ${relationName("refobjid")} || '.' || quote_ident(attname)),
    coalesce(refobjid, c.oid), 'pg_class'::regclass, c.oid, 0
  from pg_sequence
  join pg_class c on c.oid = seqrelid
  join space on space.oid = relnamespace
  left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjsubid > 0
  left join pg_attribute on attrelid = refobjid and attnum = refobjsubid`;

export const relations = [schemas, tablesAndViews, columns, sequences];
