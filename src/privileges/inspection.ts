import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { type Privilege, servicePrivileges } from "./declaration.ts";

/** The declared privileges with the objects that exist. Names are looked up in the catalog: others would need USAGE. */
const declared = sql`
  select kind, nspname as schema, name, column_name, privilege, nspname, pg_namespace.oid as schema_id, pg_class.oid as table_id, attnum, pg_proc.oid as function_id
  from jsonb_to_recordset(${JSON.stringify(servicePrivileges.map(({ column, ...rest }) => ({ ...rest, column_name: column })))}::jsonb)
    as given (kind text, schema text, name text, column_name text, privilege text)
  join pg_namespace on nspname = given.schema
  left join pg_class on kind = 'table' and relnamespace = pg_namespace.oid and relname = given.name
  left join pg_attribute on attrelid = pg_class.oid and attname = given.column_name and not attisdropped
  left join pg_proc on kind = 'function' and pronamespace = pg_namespace.oid and proname = given.name`;

/** Whether a role has a declared privilege, by itself or through others; null if the object does not exist. */
const has = (role: SQL): SQL => sql`
  case kind
    when 'schema' then has_schema_privilege(${role}, schema_id, privilege)
    when 'function' then has_function_privilege(${role}, function_id, privilege)
    else case when column_name is null then has_table_privilege(${role}, table_id, privilege)
      else has_column_privilege(${role}, table_id, attnum, privilege) end
  end`;

/** The declared privileges of objects that exist, and that the current role lacks. */
export async function missingPrivileges(db: Executor): Promise<Privilege[]> {
  const rows = await db.execute(sql`
    select kind, schema, name, column_name, privilege from (${declared}) as declared where not ${has(sql`current_user::text`)}`);
  return rows.map(({ column_name, ...rest }) => ({ ...rest, column: column_name })) as unknown as Privilege[];
}

/**
 * The REVOKE statements for what a role was granted in this database, on its own name, and is not declared.
 *
 * @param role the name of the role
 */
export async function revokeStatements(db: Executor, role: string): Promise<string[]> {
  const rows = await db.execute(sql`
    with declared as (${declared}),
    given (id) as (select oid from pg_roles where rolname = ${role}),
    granted (class, object, part, privilege, is_grantable, name) as (
      select 'pg_class'::regclass, pg_class.oid, 0, privilege_type, is_grantable,
        format(case relkind when 'S' then 'sequence %I.%I' else 'table %I.%I' end, nspname, relname)
      from given, pg_class join pg_namespace on pg_namespace.oid = relnamespace cross join lateral aclexplode(relacl) where grantee = given.id
      union all
      select 'pg_class'::regclass, attrelid, attnum, privilege_type, is_grantable, format('table %I.%I', nspname, relname)
      from given, pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
      cross join lateral aclexplode(attacl) where attacl is not null and grantee = given.id
      union all
      select 'pg_proc'::regclass, pg_proc.oid, 0, privilege_type, is_grantable,
        format('routine %I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid))
      from given, pg_proc join pg_namespace on pg_namespace.oid = pronamespace cross join lateral aclexplode(proacl) where grantee = given.id
      union all
      select 'pg_namespace'::regclass, pg_namespace.oid, 0, privilege_type, is_grantable, format('schema %I', nspname)
      from given, pg_namespace cross join lateral aclexplode(nspacl) where grantee = given.id
      union all
      select 'pg_type'::regclass, pg_type.oid, 0, privilege_type, is_grantable, format('type %I.%I', nspname, typname)
      from given, pg_type join pg_namespace on pg_namespace.oid = typnamespace cross join lateral aclexplode(typacl) where grantee = given.id
      union all
      -- CONNECT is no privilege on data: a login may need it.
      select 'pg_database'::regclass, pg_database.oid, 0, privilege_type, is_grantable, format('database %I', datname)
      from given, pg_database cross join lateral aclexplode(datacl)
      where datname = current_database() and grantee = given.id and privilege_type <> 'CONNECT'
    )
    select format('revoke %s on %s from %I;',
      string_agg(granted.privilege || case when part = 0 then '' else format(' (%I)', attname) end, ', ' order by part, granted.privilege), name, ${role}::text) as statement
    from granted left join pg_attribute on class = 'pg_class'::regclass and attrelid = object and attnum = part and part > 0
    where is_grantable or not exists (
      select from declared
      where declared.privilege = granted.privilege and part = coalesce(declared.attnum, 0) and object = case class
        when 'pg_class'::regclass then table_id when 'pg_proc'::regclass then function_id when 'pg_namespace'::regclass then schema_id end
        and (class = 'pg_namespace'::regclass) = (kind = 'schema')
    )
    group by name order by name`);
  return rows.map(({ statement }) => String(statement));
}

/** Objects of the declaration that do not exist, such as those of migrations that are pending. */
export async function missingObjects(db: Executor): Promise<string[]> {
  const rows = await db.execute(sql`
    select distinct kind || ' ' || schema || coalesce('.' || name, '') || coalesce('.' || column_name, '') as object from (${declared}) as declared
    where ${has(sql`current_user::text`)} is null order by object`);
  return rows.map(({ object }) => String(object));
}

/** What a role may do beyond the declaration, however it comes to it, as sentences with the remedy. */
export async function findRightsBeyond(db: Executor, role: string): Promise<string[]> {
  const rows = await db.execute(sql`
    with given as (select *, quote_ident(rolname) as name from pg_roles where rolname = ${role})
    select format('%s may %s: alter role %s %s;', rolname, may, name, remedy) as sentence
    from given cross join lateral (values
      (rolcreaterole, 'create roles', 'nocreaterole'), (rolcreatedb, 'create databases', 'nocreatedb'),
      (rolreplication, 'replicate, and so read everything', 'noreplication'), (rolbypassrls, 'bypass row security', 'nobypassrls')
    ) as attributes (applies, may, remedy)
    where applies
    union all
    select format('%s has what %s may do: revoke %I from %s;', rolname, pg_get_userbyid(roleid), pg_get_userbyid(roleid), name)
    from given join pg_auth_members on member = given.oid
    union all
    select format('%s owns objects in this database (%s): reassign owned by %s to <owner>;', rolname, count(*), name)
    from given join pg_shdepend on refobjid = given.oid and deptype = 'o' and dbid = (select oid from pg_database where datname = current_database())
    group by rolname, name
    union all
    select format('%s may create objects in the schema %s: revoke create on schema %I from public;', rolname, nspname, nspname)
    from given cross join pg_namespace
    where has_schema_privilege(given.oid, pg_namespace.oid, 'create') and nspname !~ '^pg_(toast_)?temp_'
    union all
    select format('%s may create %s: revoke %s on database %I from public;', rolname, what, privilege, current_database())
    from given cross join (values ('schemas', 'create'), ('temporary tables', 'temporary')) as kinds (what, privilege)
    where has_database_privilege(given.oid, current_database(), privilege)`);
  return rows.map(({ sentence }) => String(sentence));
}
