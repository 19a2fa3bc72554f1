import type { ReservedSql, Sql, TransactionSql } from "postgres";
import { withFixedSettings } from "./catalog-settings.ts";
import { isUserSchema } from "./sql-fragments.ts";

export interface Type {
  readonly schema: string;
  readonly name: string;
  readonly category: string;
  /** The base type of a domain. */
  readonly base: string | null;
  readonly typmod: number;
  readonly checks: readonly { readonly name: string; readonly definition: string }[];
  readonly labels: readonly string[] | null;
  readonly element: string | null;
  /** The subtype of a range; the range type of a multirange. */
  readonly subtype: string | null;
  readonly range: string | null;
  readonly attributes: readonly { readonly type: string; readonly typmod: number }[] | null;
}

export interface Column {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  readonly typmod: number;
  readonly required: boolean;
  readonly defaults: boolean;
  /** Generated, identity or filled from a sequence: the database assigns the value. */
  readonly given: boolean;
}

interface Constraint {
  readonly name: string;
  /** Numbers of the constrained columns. */
  readonly columns: readonly number[];
}

export interface Reference extends Constraint {
  readonly table: string;
  readonly targets: readonly number[];
}

/** A table that fixtures are inserted into; not a partition. */
export interface FillableTable {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly partitioned: boolean;
  readonly columns: readonly Column[];
  readonly checks: readonly (Constraint & { readonly definition: string })[];
  /** Unique and exclusion constraints, and unique indexes. */
  readonly keys: readonly Constraint[];
  readonly references: readonly Reference[];
  /** The columns of the partition keys, and the bounds of all partitions. */
  readonly partitionColumns: readonly string[];
  readonly bounds: readonly string[];
}

const list = (select: string) => `coalesce((select json_agg(row_to_json(item)) from (${select}) as item), '[]')`;

const types = `
  select t.oid::text, nspname as schema, typname as name, typcategory as category, nullif(typbasetype, 0)::text as base, typtypmod as typmod,
    ${list("select conname as name, pg_get_constraintdef(k.oid) as definition from pg_constraint k where contypid = t.oid and contype = 'c'")} as checks,
    (select json_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = t.oid) as labels,
    case when typcategory = 'A' then nullif(typelem, 0)::text end as element,
    (select rngsubtype::text from pg_range where rngtypid = t.oid) as subtype,
    (select rngtypid::text from pg_range where rngmultitypid = t.oid) as range,
    (select json_agg(json_build_object('type', atttypid::text, 'typmod', atttypmod) order by attnum)
     from pg_attribute where attrelid = typrelid and attnum > 0 and not attisdropped) as attributes
  from pg_type t join pg_namespace n on n.oid = typnamespace
  where typtype <> 'p' and (typtype <> 'c' or exists (select from pg_class c where c.oid = typrelid and relkind = 'c'))`;

const columns = `
  select attnum as number, attname as name, atttypid::text as type, atttypmod as typmod, attnotnull as required, adbin is not null as defaults,
    attidentity <> '' or attgenerated <> '' or coalesce(pg_get_expr(adbin, adrelid) like '%nextval(%', false) as given
  from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where attrelid = c.oid and attnum > 0 and not attisdropped order by attname`;

const checks = `
  select conname as name, coalesce(conkey, '{}') as columns, pg_get_constraintdef(k.oid) as definition
  from pg_constraint k where conrelid = c.oid and contype = 'c' order by conname`;

/** The columns in index expressions are not in indkey, but in pg_depend. */
const keys = `
  select relname as name, array(
    select unnest(indkey::int2[]) except select 0 union
    select refobjsubid from pg_depend where classid = 'pg_class'::regclass and objid = indexrelid and refobjid = c.oid and refobjsubid > 0) as columns
  from pg_index join pg_class i on i.oid = indexrelid
  where indrelid = c.oid and (indisunique or indisexclusion) order by relname`;

const references = `
  select conname as name, conkey as columns, confrelid::text as table, confkey as targets
  from pg_constraint k where conrelid = c.oid and contype = 'f'
    and not exists (select from pg_constraint parent where parent.oid = k.conparentid and parent.conrelid = c.oid)
  order by cardinality(conkey) desc, conname`;

/** Partition key columns, those in expressions included, have an internal dependency on their table. */
const partitionColumns = `
  select attname as name from pg_partition_tree(c.oid) join pg_partitioned_table on partrelid = relid join pg_attribute on attrelid = relid
  where attnum > 0 and exists (
    select from pg_depend where classid = 'pg_class'::regclass and objid = relid and objsubid = attnum
      and refclassid = 'pg_class'::regclass and refobjid = relid and refobjsubid = 0 and deptype = 'i')`;

/** Excludes partitions, system tables and tables of extensions. */
const ours = `
  relkind in ('r', 'p') and not relispartition and ${isUserSchema}
  and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')`;

const tables = `
  select c.oid::text, nspname as schema, relname as name, relkind = 'p' as partitioned,
    ${list(columns)} as columns, ${list(checks)} as checks, ${list(keys)} as keys, ${list(references)} as "references",
    array(${partitionColumns}) as "partitionColumns",
    array(select pg_get_expr(relpartbound, b.oid) from pg_partition_tree(c.oid) join pg_class b on b.oid = relid where relpartbound is not null) as bounds
  from pg_class c join pg_namespace n on n.oid = relnamespace
  where ${ours}
  order by nspname, relname`;

/** Reads the columns, constraints and types that decide which rows are valid. */
export async function readFillableTables(
  sql: Sql | ReservedSql | TransactionSql,
): Promise<{ tables: FillableTable[]; types: Map<string, Type> }> {
  const query = `select json_build_object('tables', ${list(tables)}, 'types', ${list(types)})::text as described`;
  const results = (await sql.unsafe(withFixedSettings(query))) as unknown as { described: string }[][];
  const described = JSON.parse(results[1]?.[0]?.described ?? "{}") as {
    tables: FillableTable[];
    types: (Type & { oid: string })[];
  };
  return { tables: described.tables, types: new Map(described.types.map((type) => [type.oid, type])) };
}

/** Reads the same tables with their columns only. */
export async function readTableColumns(
  sql: Sql | ReservedSql | TransactionSql,
): Promise<(Pick<FillableTable, "schema" | "name" | "partitioned"> & { columns: string[] })[]> {
  return sql.unsafe(`
    select nspname as schema, relname as name, relkind = 'p' as partitioned,
      (select coalesce(json_agg(attname order by attnum), '[]') from pg_attribute
       where attrelid = c.oid and attnum > 0 and not attisdropped) as columns
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where ${ours}
    order by nspname, relname`);
}

export const relationNameOf = ({ schema, name }: { schema: string; name: string }): string => `${schema}.${name}`;

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoted = ({ schema, name }: { schema: string; name: string }): string =>
  `${quoteName(schema)}.${quoteName(name)}`;
