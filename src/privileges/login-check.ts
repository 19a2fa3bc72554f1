import { sql } from "drizzle-orm";
import { ConnectError, type Executor } from "../database/index.ts";
import type { Privilege } from "./declaration.ts";
import { missingPrivileges } from "./inspection.ts";
import { textOf } from "./statements.ts";

/** Missing privileges that a message names. */
const shownPrivileges = 5;

/** @throws {ConnectError} if the current role lacks a privilege that the service needs */
export async function requireServicePrivileges(db: Executor): Promise<void> {
  const missing = await missingPrivileges(db);
  if (missing.length === 0) return;
  const [row] = await db.execute(sql`select current_user as role`);
  throw new ConnectError(
    `The role ${row?.["role"]} lacks privileges: ${summarizePrivileges(missing)}. As the owner of the tables, apply pending ` +
      `migrations, and run: aeturnis-data role grant ${row?.["role"]}`,
  );
}

/** The first privileges of a list as text, and the number of the others. */
export function summarizePrivileges(privileges: readonly Privilege[]): string {
  const shown = privileges.slice(0, shownPrivileges).map(textOf);
  const more = privileges.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

/**
 * Returns why a login can change or remove the audit trail, or write without it: by what it is, owns or may take on. A role
 * that was assumed is no protection, because a statement can reset it. Undefined if it cannot.
 */
export async function powerOfLogin(db: Executor): Promise<string | undefined> {
  const [row] = await db.execute(sql`
    with login as (select * from pg_roles where rolname = session_user),
    owned (owner, text, place) as (
      select relowner, 'the audit trail', 1 from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname = 'public' and relname = 'audit_log'
      union all
      select datdba, 'the database', 2 from pg_database where datname = current_database()
      union all
      select nspowner, 'the schema ' || nspname, 3 from pg_namespace where nspname in ('public', 'partitions', 'drizzle')
      union all
      select relowner, format('the table %s.%s', nspname, relname), 4 from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname in ('public', 'partitions', 'drizzle') and relkind in ('r', 'p')
      union all
      select proowner, format('the function %s', proname), 5 from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
      where nspname = 'public'
    )
    select format('%s %s', rolname, reason) as reason from login cross join lateral (
      select 'is a superuser' as reason, 0 as place where rolsuper
      union all
      select case when owner = login.oid then 'owns ' || text else format('is a member of %s, which owns %s', pg_get_userbyid(owner), text) end, place
      from owned where pg_has_role(login.oid, owner, 'member')
      union all
      select 'may create roles, and grant itself others', 6 where rolcreaterole
      union all
      select 'is a member of ' || predefined.rolname, 7 from pg_roles as predefined
      where predefined.rolname in ('pg_write_all_data', 'pg_execute_server_program', 'pg_write_server_files') and pg_has_role(login.oid, predefined.oid, 'member')
      union all
      select 'may set session_replication_role', 8 where has_parameter_privilege(login.oid, 'session_replication_role', 'set')
      union all
      select format('may %s rows of the audit trail', lower(privilege)), 9
      from (values ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) as kinds (privilege)
      join pg_class on relname = 'audit_log' join pg_namespace on pg_namespace.oid = relnamespace and nspname = 'public'
      where has_table_privilege(login.oid, pg_class.oid, privilege)
    ) as reasons order by place limit 1`);
  return row === undefined ? undefined : String(row["reason"]);
}
