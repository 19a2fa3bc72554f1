import postgres from "postgres";
import { expect, it, onTestFinished } from "vitest";
import { down } from "../../src/migrator/commands/down.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";

/** Creates a database with default settings, as an administrator can define them. */
async function databaseWith(settings: Record<string, string>) {
  const database = await emptyDatabase({ direct: true });
  const [{ name } = {}] = await database.sql`select current_database() as name`;
  for (const [setting, value] of Object.entries(settings))
    await database.sql.unsafe(`alter database ${name} set ${setting} = '${value}'`);
  return database;
}

/** A slow migration outside a transaction. */
const slowIndex = {
  tag: "0000_slow",
  up: `-- migrate: no-transaction
create table t (id int);
--> statement-breakpoint
insert into t values (1);
--> statement-breakpoint
create function slow(id int) returns int immutable language plpgsql as $$ begin perform pg_sleep(0.3); return id; end $$;
--> statement-breakpoint
create index concurrently t_slow on t (slow(id));`,
};

it("the timeouts of the database do not apply to migrations, inside or outside a transaction", async () => {
  const { sql, target } = await databaseWith({ statement_timeout: "100ms", lock_timeout: "100ms" });
  const [{ version } = {}] = await sql`select current_setting('server_version_num')::int as version`;
  if (version >= 170_000) {
    const [{ name } = {}] = await sql`select current_database() as name`;
    await sql.unsafe(`alter database ${name} set transaction_timeout = '200ms'`);
  }
  const { folder } = migrationsOf(slowIndex, { tag: "0001_slow", up: "select pg_sleep(0.3);" });
  expect((await up({ target, folder })).error).toBeUndefined();
});

it("an index is built concurrently even when the default isolation level is repeatable read", async () => {
  const { target } = await databaseWith({ default_transaction_isolation: "repeatable read" });
  const { folder } = migrationsOf(slowIndex);
  expect((await up({ target, folder, lockWait: 5_000 })).error).toBeUndefined();
});

/** Session settings as at the beginning of a pg_dump file, and a role. */
const sessionSettings = {
  tag: "0000_dump",
  up: "set statement_timeout = '50ms';\nselect set_config('search_path', '', false);\nset timezone = 'Asia/Tokyo';\nset role pg_monitor;",
  down: "set search_path = '';",
};
const plain = {
  tag: "0001_plain",
  up: "create table plain (id int);\nselect pg_sleep(0.1);",
  down: "drop table plain;",
};

it("the session settings of a migration end with it", async () => {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf(sessionSettings, plain);
  expect((await up({ target, folder })).error).toBeUndefined();
  expect(await sql`select to_regclass('public.plain')::text as plain`).toEqual([{ plain: "plain" }]);
  expect((await down({ target, folder, all: true })).error).toBeUndefined();
});

it("the session settings of a file without a transaction remain until its end", async () => {
  const { sql, target } = await emptyDatabase({ direct: true });
  const { folder } = migrationsOf(
    {
      tag: "0000_set",
      up: "-- migrate: no-transaction\ncreate schema other;\n--> statement-breakpoint\nset search_path = other;\n--> statement-breakpoint\ncreate table t (id int);\n--> statement-breakpoint\ncreate index concurrently t_id on t (id);",
    },
    plain,
  );
  expect((await up({ target, folder })).error).toBeUndefined();
  expect(
    await sql`select to_regclass('public.plain')::text as plain, to_regclass('other.t_id')::text as index`,
  ).toEqual([{ plain: "plain", index: "other.t_id" }]);
});

it.skipIf(!hasPgBouncer)("the session settings of a migration do not remain on PgBouncer's connections", async () => {
  const { url } = await emptyDatabase();
  const target = { url: await pgBouncer(url, { poolSize: 1 }) };
  const { folder } = migrationsOf(sessionSettings, plain);
  expect((await up({ target, folder })).error).toBeUndefined();
  const game = postgres(target.url, { max: 1, prepare: false, fetch_types: false });
  onTestFinished(() => game.end());
  expect(
    await game`select current_user <> 'pg_monitor' as self, current_setting('search_path') as path, current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`,
  ).toEqual([{ self: true, path: '"$user", public', lock: "0", statement: "0" }]);
});
