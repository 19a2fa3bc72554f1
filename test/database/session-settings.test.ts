import { is, sql } from "drizzle-orm";
import { PgTable } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { urlOfDatabase } from "../../src/config/database-url/parse.ts";
import { systemActor } from "../../src/database/actor.ts";
import { up } from "../../src/migrator/commands/up.ts";
import * as schema from "../../src/schema/index.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase, withLogin } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { drizzleKit } from "../support/migrations.ts";

const tableCount = Object.values(schema).filter((value) => is(value, PgTable)).length;

// The session settings of a role or a database do not affect the service and its migrations.

let database: TestDatabase;
let url: string;
const role = `odd_${process.pid}`;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
  const name = new URL(database.directUrl).pathname.slice(1);
  await database.sql.unsafe(`
    create role ${role} login superuser password 'secret';
    create schema game;
    create schema ${role};
    alter role ${role} set search_path = game, public;
    alter role ${role} set datestyle = 'German, DMY';
    alter role ${role} set timezone = 'Asia/Kathmandu';
    alter role ${role} set intervalstyle = sql_standard;
    alter role ${role} set bytea_output = escape;
    alter role ${role} set extra_float_digits = -15;
    alter role ${role} set standard_conforming_strings = off;
    alter role ${role} set transform_null_equals = on;
    alter role ${role} set default_transaction_isolation = serializable;
    alter role ${role} set gin_fuzzy_search_limit = 5;
    alter database ${name} set datestyle = 'SQL, MDY';
    alter database ${name} set search_path = '$user', game`);
  url = withLogin(database.directUrl, { user: role, password: "secret" });
});
afterAll(async () => {
  await database.drop();
  const other = await createDatabase({ empty: true });
  await other.sql.unsafe(`drop role ${role}`);
  await other.drop();
});

const tablesOf = ({ sql }: TestDatabase) => sql`
  select schemaname, count(*)::int as n from pg_tables
  where schemaname not in ('pg_catalog', 'information_schema', 'partitions', 'drizzle') group by 1`;

it("migrations create every object in public, and the service finds it there", async () => {
  expect((await up({ target: { url } })).error).toBeUndefined();
  expect(await tablesOf(database)).toEqual([{ schemaname: "public", n: tableCount }]);

  const { db } = await openPool(url);
  const { users } = repositoriesOn(db);
  const made = await users.create(systemActor("test"), newUser({ username: "Mira" }));
  expect(await users.findByUsername("mira")).toEqual(made);
  const [row] = await db.execute(sql`
    select '0050-06-15 00:00:00+00'::timestamptz::text as early, '\x41'::bytea::text as bytes, 0.1::float8 + 0.2 as sum,
      interval '1 day 2 hours'::text as time, 'a\\b' as text, null is null and (null = null) is null as logic`);
  expect(row).toEqual({
    early: "0050-06-15 00:00:00+00",
    bytes: "\\x41",
    sum: 0.30000000000000004,
    time: "1 day 02:00:00",
    text: "a\\b",
    logic: true,
  });
});

it("the service's time-outs, also a disabled one, override those of the role", async () => {
  await database.sql.unsafe(`
    alter role ${role} set statement_timeout = '50ms';
    alter role ${role} set lock_timeout = '50ms';
    alter role ${role} set idle_in_transaction_session_timeout = '50ms'`);
  const { db } = await openPool(url, {
    STATEMENT_TIMEOUT_MS: "0",
    LOCK_TIMEOUT_MS: "0",
    IDLE_TRANSACTION_TIMEOUT_MS: "0",
  });
  const [row] = await db.execute(sql`
    select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle from pg_sleep(0.1)`);
  expect(row).toEqual({ statement: "0", lock: "0", idle: "0" });
  await database.sql.unsafe(`
    alter role ${role} reset statement_timeout;
    alter role ${role} reset lock_timeout;
    alter role ${role} reset idle_in_transaction_session_timeout`);
});

it("concurrent updates of one row wait for each other, and a listing by metadata is complete", async () => {
  const { db } = await openPool(url);
  const { users } = repositoriesOn(db);
  const { id } = await users.create(systemActor("test"), newUser());
  await Promise.all(Array.from({ length: 20 }, (_, n) => users.update(systemActor("test"), id, { metadata: { n } })));
  await database.sql`
    insert into users (email, username, password_hash, metadata)
    select n || '@gin.example', 'gin_' || n, ${newUser().passwordHash}, jsonb_build_object('tenth', n % 100)
    from generate_series(1, 5000) as n`;
  await database.sql`vacuum analyze users`;
  expect(await users.list({ where: { metadata: { contains: { tenth: 7 } } }, total: "exact" })).toMatchObject({
    total: 50,
  });
});

it("drizzle-kit creates every object in public", async () => {
  const other = await createDatabase({ empty: true });
  onTestFinished(other.drop);
  // The setting changes the meaning of backslashes in literals, and drizzle-kit has no option for it.
  await other.sql.unsafe(`alter role ${role} reset standard_conforming_strings`);
  await other.sql.unsafe(`create schema game; create schema ${role}`);
  await drizzleKit(urlOfDatabase(url, new URL(other.directUrl).pathname.slice(1)), "migrate");
  expect(await tablesOf(other)).toEqual([{ schemaname: "public", n: tableCount }]);
});
