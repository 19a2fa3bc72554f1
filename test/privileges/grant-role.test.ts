import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { advisoryLocks } from "../../src/database/advisory-locks.ts";
import type { Database } from "../../src/database/pool.ts";
import { defaultMigrationsTable, quotedNames } from "../../src/migrator/history/table-names.ts";
import { grantServiceRole } from "../../src/privileges/grant-role.ts";
import { connectTo, createDatabase, openPool, type TestDatabase, withLogin } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
let pool: Database;
beforeAll(async () => {
  database = await createDatabase({ grants: false });
  ({ sql } = database);
  // The lock timeout of commands: calls wait for each other.
  pool = await connectTo(database.directUrl, { LOCK_TIMEOUT_MS: "60000" });
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

/** A name for a role, which is dropped when the test ends. */
function roleName(name = `role_${randomUUID().slice(0, 8)}`): string {
  onTestFinished(async () => {
    const [found] = await sql`select from pg_roles where rolname = ${name}`;
    if (found === undefined) return;
    await sql`drop owned by ${sql(name)}`;
    await sql`drop role ${sql(name)}`;
  });
  return name;
}

const grant = (role: string, more: { create?: boolean; login?: boolean; dryRun?: boolean } = {}) =>
  grantServiceRole(pool.db, { role, ...more });

/** What a role was granted on its own name, as text. */
async function aclOf(role: string): Promise<unknown> {
  const rows = await sql`
    select classid::regclass, objid::text, objsubid, acl from pg_shdepend cross join lateral (select case classid
      when 'pg_class'::regclass then coalesce((select attacl from pg_attribute where attrelid = objid and attnum = objsubid and objsubid > 0), (select relacl from pg_class where oid = objid))
      when 'pg_proc'::regclass then (select proacl from pg_proc where oid = objid)
      when 'pg_namespace'::regclass then (select nspacl from pg_namespace where oid = objid) end::text as acl) as acls
    where refobjid = ${role}::regrole and deptype = 'a' order by 1, 2, 3`;
  return rows.map((row) => ({ ...row }));
}

describe("grantServiceRole", () => {
  it("creates a role, grants, and finds nothing to take away when it is repeated", async () => {
    const role = roleName();
    await expect(grant(role)).rejects.toThrow(`There is no role ${role}: --create creates it.`);
    expect(await grant(role, { create: true })).toMatchObject({ created: true, revoked: [] });
    const granted = await aclOf(role);
    expect(await grant(role, { create: true })).toMatchObject({ created: false, revoked: [] });
    expect(await aclOf(role)).toEqual(granted);
    expect(await sql`select rolcanlogin from pg_roles where rolname = ${role}`).toEqual([{ rolcanlogin: false }]);
  });

  it("lets a role log in, also later, and a name need not be a plain one", async () => {
    const role = roleName(`game "Ære" ${randomUUID().slice(0, 8)}`);
    await grant(role, { create: true });
    const { statements } = await grant(role, { login: true });
    expect(statements[0]).toBe(`alter role "${role.replaceAll('"', '""')}" login;`);
    await sql.unsafe(`alter role "${role.replaceAll('"', '""')}" password 'secret'`);
    const { db } = await openPool(withLogin(database.directUrl, { user: role, password: "secret" }));
    expect(await db.execute("select count(*)::int as rows from users")).toEqual([{ rows: 0 }]);
  });

  it("takes away what was granted beyond: on tables, columns, functions, schemas and the database", async () => {
    const role = roleName();
    await grant(role, { create: true });
    const granted = await aclOf(role);
    const name = (await sql`select current_database() as name`)[0]?.["name"];
    await sql.unsafe(`
      create table other (id int);
      create sequence numbers;
      grant all on audit_log, other to ${role};
      grant update (changes) on audit_log to ${role};
      grant usage on sequence numbers to ${role};
      grant select on users to ${role} with grant option;
      grant execute on function record_changes_of to ${role};
      grant create, usage on schema partitions to ${role};
      grant create on schema public to ${role};
      grant create on database ${name} to ${role}`);
    const { revoked, beyond } = await grant(role);
    // PostgreSQL 17 has a privilege more.
    expect(revoked.map((statement) => statement.replace("MAINTAIN, ", ""))).toEqual([
      `revoke CREATE on database ${name} from ${role};`,
      `revoke EXECUTE on routine public.record_changes_of(recorded regclass, key_column name, secret_columns name[], unrecorded_columns name[]) from ${role};`,
      `revoke CREATE, USAGE on schema partitions from ${role};`,
      `revoke CREATE on schema public from ${role};`,
      `revoke USAGE on sequence public.numbers from ${role};`,
      `revoke DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE, UPDATE (changes) on table public.audit_log from ${role};`,
      `revoke DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE on table public.other from ${role};`,
      `revoke SELECT on table public.users from ${role};`,
    ]);
    expect(await aclOf(role)).toEqual(granted);
    expect(beyond.filter((sentence) => !/temporary/.test(sentence))).toEqual([]);
    await sql`drop table other`;
    await sql`drop sequence numbers`;
  });

  it("runs nothing with dryRun, and returns the statements", async () => {
    const role = roleName();
    const { statements, created } = await grant(role, { create: true, dryRun: true });
    expect([statements[0], created]).toEqual([`create role ${role};`, false]);
    expect(await sql`select from pg_roles where rolname = ${role}`).toEqual([]);
    await sql.unsafe(statements.join("\n"));
    expect((await grant(role)).revoked).toEqual([]);
  });

  it("reports what the role may do by other ways, with the remedy", async () => {
    const [role, group] = [roleName(), roleName()];
    await sql.unsafe(
      `create role ${group}; create role ${role} createdb; grant ${group} to ${role}; create table owned (); alter table owned owner to ${role}`,
    );
    const name = (await sql`select current_database() as name`)[0]?.["name"];
    const { beyond } = await grant(role);
    expect(beyond).toEqual([
      `${role} may create databases: alter role ${role} nocreatedb;`,
      `${role} has what ${group} may do: revoke ${group} from ${role};`,
      `${role} owns objects in this database (1): reassign owned by ${role} to <owner>;`,
      `${role} may create temporary tables: revoke temporary on database ${name} from public;`,
    ]);
    await sql`drop table owned`;
  });

  it("reports what is left of PUBLIC, another grantor and default privileges, and what the role owns stays its own", async () => {
    const [role, grantor] = [roleName(), roleName()];
    const name = (await sql`select current_database() as name`)[0]?.["name"];
    await sql.unsafe(`revoke temporary on database ${name} from public; create role ${role}; create role ${grantor};
      grant delete on audit_log to ${grantor} with grant option;
      set role ${grantor}; grant delete on audit_log to ${role}; reset role;
      grant update on audit_log to public;
      alter default privileges grant select on tables to ${role};
      create table owned (); alter table owned owner to ${role}; grant select on owned to ${role}`);
    onTestFinished(async () => {
      await sql.unsafe("revoke update on audit_log from public; drop table owned");
    });
    const { revoked, beyond } = await grant(role);
    expect(revoked).toEqual([]);
    const owner = (await sql`select current_user as name`)[0]?.["name"];
    expect(beyond).toEqual([
      `${role} keeps what another role has granted. As that role: revoke DELETE on table public.audit_log from ${role};`,
      `${role} owns objects in this database (1): reassign owned by ${role} to <owner>;`,
      `${role} is given privileges on objects that ${owner} creates: alter default privileges for role ${owner} revoke all on tables from ${role};`,
      `${role} may DELETE, UPDATE on table public.audit_log by way of PUBLIC or another grantor: revoke it from public, or as the grantor.`,
    ]);
    expect(await sql`select has_table_privilege(${role}, 'owned', 'select') as kept`).toEqual([{ kept: true }]);
  });

  it("explains a statement that PostgreSQL refuses, and grants nothing", async () => {
    const [role, grantee] = [roleName(), roleName()];
    await sql.unsafe(`create role ${role}; create role ${grantee}; grant select on users to ${role} with grant option;
      set role ${role}; grant select on users to ${grantee}; reset role`);
    await expect(grant(role)).rejects.toThrow(
      `Nothing was granted, because this statement was refused (dependent privileges exist): revoke SELECT on table public.users from ${role};`,
    );
    expect(await sql`select has_any_column_privilege(${role}, 'user_sessions', 'select') as granted`).toEqual([
      { granted: false },
    ]);
    await sql.unsafe(`revoke all on users from ${role} cascade`);
    await expect(grant("pg_reserved", { create: true })).rejects.toThrow(
      'refused (role name "pg_reserved" is reserved)',
    );
  });

  it("refuses a login that may not grant everything, where PostgreSQL only warns, and changes nothing", async () => {
    const role = roleName();
    await grant(role, { create: true, login: true });
    await sql.unsafe(`alter role ${role} password 'secret'; revoke insert (action) on audit_log from ${role}`);
    const granted = await aclOf(role);
    const { db } = await openPool(withLogin(database.directUrl, { user: role, password: "secret" }));
    await expect(grantServiceRole(db, { role })).rejects.toThrow(
      `Nothing was granted: ${role} would lack privileges that ${role} may not grant: INSERT (action) on table public.audit_log. ` +
        "Run the command as the owner of the tables.",
    );
    expect(await aclOf(role)).toEqual(granted);
    await grant(role);
    expect(await sql`select has_column_privilege(${role}, 'audit_log', 'action', 'insert') as granted`).toEqual([
      { granted: true },
    ]);
  });

  it("refuses a superuser and the owner of the trail, and takes nothing from them", async () => {
    const [owner] = await sql`select current_user as name`;
    await expect(grant(owner?.["name"])).rejects.toThrow("is a superuser. The service needs a role of its own.");
    const role = roleName();
    await sql.unsafe(`create role ${role}; alter table audit_log owner to ${role}`);
    await expect(grant(role)).rejects.toThrow(`Nothing was granted: ${role} owns the audit trail.`);
    await sql`alter table audit_log owner to current_user`;
  });

  it("names what is missing before the migrations", async () => {
    const empty = await createDatabase({ empty: true });
    onTestFinished(empty.drop);
    const { db } = await openPool(empty.directUrl);
    const role = roleName();
    await expect(grantServiceRole(db, { role, create: true })).rejects.toThrow(
      /^Nothing was granted: .*table public\.users/,
    );
    expect(await sql`select from pg_roles where rolname = ${role}`).toEqual([]);
  });

  it("lets a login that is no superuser assume the role that it creates", async () => {
    const [creator, role] = [roleName(), roleName()];
    const owner = (await sql`select current_user as name`)[0]?.["name"];
    await sql.unsafe(`
      create role ${creator} login createrole password 'secret';
      grant usage on schema drizzle to ${creator};
      alter table drizzle.__drizzle_migrations owner to ${creator}`);
    const { db } = await openPool(withLogin(database.directUrl, { user: creator, password: "secret" }));
    const { statements } = await grantServiceRole(db, { role, create: true, dryRun: true });
    expect(statements.slice(0, 2)).toEqual([`create role ${role};`, `grant ${role} to current_user;`]);
    await sql.unsafe(`alter table drizzle.__drizzle_migrations owner to ${owner}`);
  });

  it("waits for a migrator, because neither may change what the other has changed", async () => {
    const role = roleName();
    const name = advisoryLocks.migrator(quotedNames(defaultMigrationsTable).table);
    const order: string[] = [];
    let granting: Promise<unknown> | undefined;
    await sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`;
      granting = grant(role, { create: true }).then(() => order.push("granted"));
      await eventually(async () =>
        expect(await tx`select from pg_locks where locktype = 'advisory' and not granted`).toHaveLength(1),
      );
      order.push("migrated");
    });
    await granting;
    expect(order).toEqual(["migrated", "granted"]);
  });

  it("eight calls at once for one new role succeed", async () => {
    const role = roleName();
    const grants = await Promise.all(Array.from({ length: 8 }, () => grant(role, { create: true })));
    expect(grants.filter(({ created }) => created)).toHaveLength(1);
  });
});
