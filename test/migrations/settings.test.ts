import { expect, it } from "vitest";
import { up } from "../../src/migrations/up.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

/** A database with settings of its own, as an administrator may have made them. */
async function databaseWith(settings: Record<string, string>) {
  const database = await emptyDatabase();
  const [{ name } = {}] = await database.sql`select current_database() as name`;
  for (const [setting, value] of Object.entries(settings))
    await database.sql.unsafe(`alter database ${name} set ${setting} = '${value}'`);
  return database;
}

/** Takes its time outside of a transaction. */
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

it("time-outs of the role or the database do not cut a statement short, in a transaction or not", async () => {
  const { sql, target } = await databaseWith({ statement_timeout: "100ms", lock_timeout: "100ms" });
  const [{ version } = {}] = await sql`select current_setting('server_version_num')::int as version`;
  if (version >= 170_000) {
    const [{ name } = {}] = await sql`select current_database() as name`;
    await sql.unsafe(`alter database ${name} set transaction_timeout = '200ms'`);
  }
  const { folder } = migrationsOf(slowIndex, { tag: "0001_slow", up: "select pg_sleep(0.3);" });
  expect((await up({ target, folder })).error).toBeUndefined();
});

it("an index is built concurrently, also where transactions keep their snapshot by default", async () => {
  const { target } = await databaseWith({ default_transaction_isolation: "repeatable read" });
  const { folder } = migrationsOf(slowIndex);
  expect((await up({ target, folder, lockWait: 5_000 })).error).toBeUndefined();
});
