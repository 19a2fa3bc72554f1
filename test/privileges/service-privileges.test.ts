import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { codeOf } from "../../src/database/error-code.ts";
import type { Database } from "../../src/database/pool.ts";
import { type Privilege, servicePrivileges } from "../../src/privileges/declaration.ts";
import { textOf } from "../../src/privileges/statements.ts";
import { connectTo, createDatabase, serviceUser, type TestDatabase } from "../support/database.ts";
import { stepsOf } from "./steps.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
let pool: Database;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  ({ sql } = database);
  pool = await connectTo(database.url, { DATABASE_POOL_MAX: "1" });
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

it("the role has the declared privileges, and no others", async () => {
  const role = serviceUser();
  // Of every object of the database, by whatever way the role comes to it. PUBLIC may use pg_catalog and
  // information_schema, which have nothing of the service.
  const granted = await sql`
    with objects as (
      select pg_class.oid, nspname, relname, relkind from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname !~ '^(pg_|information_schema$)' and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    ), kinds (privilege) as (values ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES'))
    select 'table' as kind, nspname as schema, relname as name, attname as column, privilege
    from objects join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped cross join kinds
    where relkind <> 'S' and has_column_privilege(${role}, oid, attnum, privilege)
    union all
    select 'table', nspname, relname, null, privilege from objects
    cross join (select * from kinds union all values ('DELETE'), ('TRUNCATE'), ('TRIGGER')) as all_kinds
    where relkind <> 'S' and has_table_privilege(${role}, oid, privilege)
    union all
    select 'sequence', nspname, relname, null, privilege from objects cross join (values ('USAGE'), ('UPDATE'), ('SELECT')) as kinds (privilege)
    where relkind = 'S' and has_sequence_privilege(${role}, oid, privilege)
    union all
    select 'function', nspname, proname, null, 'EXECUTE' from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
    where nspname !~ '^(pg_|information_schema$)' and has_function_privilege(${role}, pg_proc.oid, 'execute')
    union all
    select 'schema', nspname, null, null, privilege from pg_namespace cross join (values ('USAGE'), ('CREATE')) as kinds (privilege)
    where nspname !~ '^(pg_|information_schema$)' and has_schema_privilege(${role}, oid, privilege)
    union all
    select 'database', null, null, null, privilege from (values ('CREATE')) as kinds (privilege)
    where has_database_privilege(${role}, current_database(), privilege)`;
  const texts = (rows: readonly object[]) => rows.map((row) => textOf(row as Privilege)).sort();
  // The trigger function of drizzle-kit's table does not run otherwise.
  const others = granted.filter(
    ({ schema, name }) => !(schema === "drizzle" && name === "__drizzle_migrations_record"),
  );
  expect(texts(others)).toEqual(texts(servicePrivileges));
  expect(await sql`select from pg_auth_members where member = ${role}::regrole`).toEqual([]);
});

it("PUBLIC may execute the function of a CHECK constraint, and no other function", async () => {
  const functions = await sql`
    select proname from pg_proc cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner)))
    where pronamespace = 'public'::regnamespace and grantee = 0`;
  expect(functions.map(({ proname }) => proname)).toEqual(["json_numbers_exact"]);
});

it("each privilege is needed: without it the service cannot do something", async () => {
  // What PUBLIC has by default and a database need not have.
  await sql.unsafe(
    "revoke usage on schema public from public; revoke execute on function json_numbers_exact from public",
  );
  const steps = Object.entries(stepsOf(pool, sql));
  const failing = async (candidates: readonly (typeof steps)[number][]) => {
    for (const [name, step] of candidates) {
      const error = await step().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (codeOf(error) === "42501") return name;
      if (error !== undefined) throw new Error(`${name}`, { cause: error });
    }
    return undefined;
  };
  expect(await failing(steps)).toBeUndefined();

  const statement = (verb: string, { kind, schema, name, column, privilege }: Privilege) =>
    `${verb} ${privilege}${column === null ? "" : ` (${column})`} on ${kind === "schema" ? `schema ${schema}` : `${kind} ${schema}.${name}`} ${verb === "grant" ? "to" : "from"} ${serviceUser()}`;
  const unneeded: string[] = [];
  // A step that fails without one column often fails without the next one, too.
  let hints: typeof steps = [];
  for (const privilege of servicePrivileges) {
    await sql.unsafe(statement("revoke", privilege));
    const name = await failing([...hints, ...steps]);
    await sql.unsafe(statement("grant", privilege));
    if (name === undefined) unneeded.push(textOf(privilege));
    else hints = [...steps.filter(([step]) => step === name), ...hints.filter(([step]) => step !== name)].slice(0, 4);
  }
  expect(unneeded).toEqual([]);
});

it("no setting of the role changes what the functions that record changes do", async () => {
  const unset = await sql`
    select proname from pg_proc
    where pronamespace = 'public'::regnamespace and not starts_with(proname, 'record_change_of_') and (prosrc ~ '\\\\' or prosrc ~* '\\mexecute\\M')
      and not (proconfig @> array['standard_conforming_strings=on', 'quote_all_identifiers=off'])`;
  expect(unset).toEqual([]);

  const service = await connectTo(database.url, { DATABASE_POOL_MAX: "1" });
  const secretsOf = async (user: string) =>
    (
      await sql`select changes from audit_log where resource_id = ${user} and changes ? 'password_hash' order by created_at`
    ).map((row) => row["changes"]["password_hash"]);
  const [user] = await service.db.execute<{ id: string }>(
    "insert into users (email, username, password_hash) values ('victim@example.com', 'victim', '!') returning id",
  );
  for (const setting of [
    "standard_conforming_strings = off",
    "quote_all_identifiers = on",
    "transform_null_equals = on",
  ])
    await service.db.execute(`set ${setting}`);
  expect([...(await service.db.execute("select refresh_change_recorders()"))]).toEqual([]);
  // In this isolation the recorder makes its statement anew.
  await service.db.transaction(
    (tx) => tx.execute(`update users set password_hash = '$argon2id$other' where id = '${user?.id}'`),
    {
      isolationLevel: "repeatable read",
    },
  );
  await service.close();
  expect(await secretsOf(String(user?.id))).toEqual([
    [null, "[secret]"],
    ["[secret]", "[secret]"],
  ]);
});

it.each([
  ["update audit_log set action = 'x'", "audit_log"],
  ["delete from audit_log", "audit_log"],
  ["truncate audit_log", "audit_log"],
  ["insert into audit_log (action, created_at) values ('x', '2001-01-01')", "audit_log"],
  ["insert into audit_log (id, action) values (gen_random_uuid(), 'x')", "audit_log"],
  ["truncate users cascade", "users"],
  ["update user_security set user_id = user_id", "user_security"],
  ["alter table audit_log disable trigger refuse_change", "audit_log"],
  ["drop table users", "users"],
  ["create table mine ()", "schema public"],
  ["create schema mine", "database"],
  ["select * from drizzle.__drizzle_migrations", "__drizzle_migrations"],
  ["set session_replication_role = replica", "session_replication_role"],
])("the role may not: %s", async (statement, object) => {
  const service = await connectTo(database.url);
  const run = service.db.execute(statement).catch((error: Error) => Promise.reject(error.cause));
  await expect(run).rejects.toMatchObject({
    code: "42501",
    message: expect.stringMatching(new RegExp(`(denied|owner).*${object}`)),
  });
  await service.close();
});

it("a row of the service has the time of the database", async () => {
  const service = await connectTo(database.url);
  const action = randomUUID();
  await service.db.execute(`insert into audit_log (action) values ('${action}')`);
  await service.close();
  const [row] = await sql`
    select created_at between now() - interval '1 minute' and clock_timestamp() as recent from audit_log where action = ${action}`;
  expect(row).toEqual({ recent: true });
});
