import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { type Privilege, servicePrivileges } from "./declaration.ts";

/** The declaration as JSON, with the names of columns of the queries. */
const declaration = JSON.stringify(servicePrivileges.map(({ column, ...rest }) => ({ ...rest, column_name: column })));

/**
 * The declared privileges, with the objects that exist. Names are looked up in the catalog: `to_regclass` would need USAGE.
 * `object` is null for one that does not exist.
 */
const declared = sql`
  select kind, given.schema, given.name, column_name, privilege, coalesce(attnum, 0)::integer as part,
    case when column_name is not null and attnum is null then null
      else case kind when 'table' then pg_class.oid when 'sequence' then pg_class.oid when 'function' then pg_proc.oid else pg_namespace.oid end end as object,
    case kind when 'table' then 'pg_class'::regclass when 'sequence' then 'pg_class'::regclass when 'function' then 'pg_proc'::regclass else 'pg_namespace'::regclass end as class
  from jsonb_to_recordset(${declaration}::jsonb) as given (kind text, schema text, name text, column_name text, privilege text)
  left join pg_namespace on nspname = given.schema
  left join pg_class on kind in ('table', 'sequence') and relnamespace = pg_namespace.oid and relname = given.name
  left join pg_attribute on attrelid = pg_class.oid and attname = given.column_name and not attisdropped
  left join pg_proc on kind = 'function' and pronamespace = pg_namespace.oid and proname = given.name`;

/** Whether a role has a declared privilege, by itself or through others; null if the object does not exist. */
const has = (role: SQL): SQL => sql`
  case kind
    when 'schema' then has_schema_privilege(${role}, object, privilege)
    when 'sequence' then has_sequence_privilege(${role}, object, privilege)
    when 'function' then has_function_privilege(${role}, object, privilege)
    else case when column_name is null then has_table_privilege(${role}, object, privilege)
      else has_column_privilege(${role}, object, part::smallint, privilege) end
  end`;

/**
 * The declared privileges of objects that exist, and that a role lacks.
 *
 * @param role the name of the role; the current one by default
 */
export async function missingPrivileges(db: Executor, role?: string): Promise<Privilege[]> {
  const holder = role === undefined ? sql`current_user::text` : sql`${role}::text`;
  const rows = await db.execute(sql`
    select kind, schema, name, column_name, privilege from (${declared}) as declared where not ${has(holder)}
    order by kind desc, name, privilege, part`);
  return rows.map(({ column_name, ...rest }) => ({ ...rest, column: column_name })) as unknown as Privilege[];
}

/** Objects of the declaration that do not exist, such as those of migrations that are pending. */
export async function missingObjects(db: Executor): Promise<string[]> {
  const rows = await db.execute(sql`
    select distinct kind || ' ' || schema || coalesce('.' || name, '') || coalesce('.' || column_name, '') as text
    from (${declared}) as declared where object is null order by text`);
  return rows.map(({ text }) => String(text));
}

/**
 * The REVOKE statements for what a role was granted in this database, on its own name, and is not declared. What it owns is
 * left out.
 *
 * @param role the name of the role
 */
export async function revokeStatements(db: Executor, role: string): Promise<string[]> {
  const rows = await db.execute(sql`
    with declared as materialized (${declared}),
    given (id) as (select oid from pg_roles where rolname = ${role}),
    granted (class, object, part, privilege, is_grantable, name, owner) as (
      select 'pg_class'::regclass, pg_class.oid, 0, privilege_type, is_grantable,
        format(case relkind when 'S' then 'sequence %I.%I' else 'table %I.%I' end, nspname, relname), relowner
      from given, pg_class join pg_namespace on pg_namespace.oid = relnamespace cross join lateral aclexplode(relacl) where grantee = given.id
      union all
      select 'pg_class'::regclass, attrelid, attnum::integer, privilege_type, is_grantable, format('table %I.%I', nspname, relname), relowner
      from given, pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
      cross join lateral aclexplode(attacl) where attacl is not null and grantee = given.id
      union all
      select 'pg_proc'::regclass, pg_proc.oid, 0, privilege_type, is_grantable,
        format('routine %I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), proowner
      from given, pg_proc join pg_namespace on pg_namespace.oid = pronamespace cross join lateral aclexplode(proacl)
      where proacl is not null and grantee = given.id
      union all
      select 'pg_namespace'::regclass, pg_namespace.oid, 0, privilege_type, is_grantable, format('schema %I', nspname), nspowner
      from given, pg_namespace cross join lateral aclexplode(nspacl) where grantee = given.id
      union all
      select 'pg_type'::regclass, pg_type.oid, 0, privilege_type, is_grantable, format('type %I.%I', nspname, typname), typowner
      from given, pg_type join pg_namespace on pg_namespace.oid = typnamespace cross join lateral aclexplode(typacl)
      where typacl is not null and grantee = given.id
      union all
      -- CONNECT is no privilege on data: a login may need it.
      select 'pg_database'::regclass, pg_database.oid, 0, privilege_type, is_grantable, format('database %I', datname), datdba
      from given, pg_database cross join lateral aclexplode(datacl)
      where datname = current_database() and grantee = given.id and privilege_type <> 'CONNECT'
    )
    select format('revoke %s on %s from %I;',
      string_agg(granted.privilege || case when granted.part = 0 then '' else format(' (%I)', attname) end, ', ' order by granted.part, granted.privilege), granted.name, ${role}::text) as statement
    from granted left join declared on (declared.class, declared.object, declared.part, declared.privilege) = (granted.class, granted.object, granted.part, granted.privilege)
    left join pg_attribute on granted.class = 'pg_class'::regclass and attrelid = granted.object and attnum = granted.part and attnum > 0
    where (is_grantable or kind is null) and owner <> (select id from given)
    group by granted.name order by granted.name`);
  return rows.map(({ statement }) => String(statement));
}

/** What a role may do beyond the declaration, however it comes to it, as sentences with the remedy. */
export async function findRightsBeyond(db: Executor, role: string): Promise<string[]> {
  const rows = await db.execute(sql`
    with declared as materialized (${declared}),
    given as (select *, quote_ident(rolname) as name from pg_roles where rolname = ${role})
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
    select format('%s is given privileges on objects that %s creates: alter default privileges for role %I%s revoke all on %s from %s;', rolname,
      pg_get_userbyid(defaclrole), pg_get_userbyid(defaclrole), case when nspname is null then '' else ' in schema ' || quote_ident(nspname) end,
      case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end, name)
    from given cross join pg_default_acl left join pg_namespace on pg_namespace.oid = defaclnamespace
    where exists (select from aclexplode(defaclacl) where grantee = given.oid)
    union all
    select format('%s may set session_replication_role, without any trigger: revoke set on parameter session_replication_role from %s;', rolname, name)
    from given where has_parameter_privilege(given.oid, 'session_replication_role', 'set')
    union all
    select format('%s may create objects in the schema %s: revoke create on schema %I from public;', rolname, nspname, nspname)
    from given cross join pg_namespace
    where has_schema_privilege(given.oid, pg_namespace.oid, 'create') and nspname !~ '^pg_(toast_)?temp_' and not pg_has_role(given.oid, nspowner, 'usage')
    union all
    select format('%s may create %s: revoke %s on database %I from public;', rolname, what, privilege, current_database())
    from given cross join (values ('schemas', 'create'), ('temporary tables', 'temporary')) as kinds (what, privilege)
    where has_database_privilege(given.oid, current_database(), privilege)
    union all
    -- Left after the REVOKE statements: by PUBLIC, by membership, or by another grantor than the owner.
    select format('%s may %s on table %I.%I by way of PUBLIC or another grantor: revoke it from public, or as the grantor.', rolname,
      string_agg(distinct privilege, ', ' order by privilege), nspname, relname)
    from given cross join pg_class join pg_namespace on pg_namespace.oid = relnamespace
    cross join lateral (
      select privilege from (values ('DELETE'), ('TRUNCATE'), ('TRIGGER')) as whole (privilege)
      where has_table_privilege(given.oid, pg_class.oid, privilege)
        and not exists (select from declared where declared.object = pg_class.oid and declared.privilege = whole.privilege)
      union all
      select privilege from pg_attribute cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) as kinds (privilege)
      where attrelid = pg_class.oid and attnum > 0 and not attisdropped and has_column_privilege(given.oid, attrelid, attnum, privilege)
        and not exists (select from declared where declared.object = attrelid and part = attnum and declared.privilege = kinds.privilege)
    ) as effective
    where relkind in ('r', 'p', 'v', 'm', 'f') and nspname in ('public', 'partitions', 'drizzle') and not pg_has_role(given.oid, relowner, 'usage')
    group by rolname, nspname, relname`);
  return rows.map(({ sentence }) => String(sentence));
}
