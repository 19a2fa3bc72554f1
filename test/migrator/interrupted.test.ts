import type { Sql } from "postgres";
import { expect, it } from "vitest";
import { up } from "../../src/migrator/commands/up.ts";
import type { MigrateEvent } from "../../src/migrator/options.ts";
import { listener } from "../support/events.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { wireTo } from "../support/proxy.ts";

/** The session that holds the migrator lock. */
const holder = `(select pid from pg_locks join pg_database on pg_database.oid = database
  where locktype = 'advisory' and datname = current_database() and granted)`;

async function until(sql: Sql, condition: string): Promise<void> {
  for (;;) {
    const [row] = await sql.unsafe(`select ${condition} as holds`);
    if (row?.["holds"]) return;
    await sql`select pg_sleep(0.02)`;
  }
}

const sleeping = `exists (select from pg_stat_activity
  where datname = current_database() and wait_event = 'PgSleep' and pid <> pg_backend_pid())`;

it("a migration whose session the server terminates reports the error, its place, and the rollback", async () => {
  const { sql, target } = await emptyDatabase({ direct: true });
  const { folder } = migrationsOf({ tag: "0000_slow", up: "create table t (id int);\nselect pg_sleep(600);" });
  const running = up({ target, folder });
  await until(sql, sleeping);
  await sql.unsafe(`select pg_terminate_backend(${holder})`);
  expect((await running).error?.message).toMatch(
    /0000_slow\.sql:2:1: terminating connection due to administrator command \(57P01\)[\s\S]*0000_slow was rolled back/,
  );
});

it("a migration whose connection is lost reports that it may be committed", async () => {
  const { sql, url } = await emptyDatabase();
  const wire = await wireTo(url);
  const { folder } = migrationsOf({ tag: "0000_slow", up: "select pg_sleep(600);" });
  const running = up({ target: { url: wire.url }, folder });
  await until(sql, sleeping);
  wire.tear();
  expect((await running).error?.message).toMatch(
    /CONNECTION_CLOSED[\s\S]*0000_slow is applied completely or not at all: `migrate status` shows whether it was committed before the connection was lost/,
  );
});

it("a migrator that loses the lock during a statement outside a transaction cancels it, and the next one executes it once", async () => {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf({
    tag: "0000_parts",
    up: `-- migrate: no-transaction
create table log (at text);
--> statement-breakpoint
insert into log select 'one' from pg_sleep(1);
--> statement-breakpoint
insert into log values ('two');`,
  });
  const running = up({ target, folder });
  await until(sql, sleeping);
  await sql.unsafe(`select pg_terminate_backend(${holder})`);
  const next = await up({ target, folder });
  expect((await running).error?.message).toMatch(/0000_parts does not run in a transaction/);
  expect(next.error).toBeUndefined();
  expect(await sql`select at from log`).toEqual([{ at: "one" }, { at: "two" }]);
});

it("a statement is rolled back when another migrator has recorded it first", async () => {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf({
    tag: "0000_parts",
    up: "-- migrate: no-transaction\ncreate table log (at text);\n--> statement-breakpoint\ninsert into log select 'one' from pg_sleep(0.5);",
  });
  const running = up({ target, folder });
  await until(sql, sleeping);
  await sql`update drizzle.__drizzle_migrations_runs set statements = statements || array['another migrator']`;
  expect((await running).error?.message).toMatch(/Another migrator has completed this statement/);
  expect(await sql`select at from log`).toEqual([]);
});

it("an abort stops an index build that waits for a long transaction, and the next up builds the index again", async () => {
  const { sql, target } = await emptyDatabase();
  await sql`create table names (name text)`;
  const { folder } = migrationsOf({
    tag: "0000_index",
    up: "-- migrate: no-transaction\ncreate index concurrently names_name on names (name);",
  });
  const stopping = new AbortController();
  const first = listener();
  await sql.begin("isolation level repeatable read", async (old) => {
    await old`select * from names`;
    const running = up({ target, folder, signal: stopping.signal, onEvent: first.onEvent });
    await until(sql, "exists (select from pg_stat_progress_create_index where phase like 'waiting for old snapshots')");
    stopping.abort();
    expect((await running).error?.message).toMatch(/^Stopped/);
  });
  expect(first.warnings()).toEqual(["the INVALID index public.names_name is left: the next run drops it"]);
  const second = listener();
  expect((await up({ target, folder, onEvent: second.onEvent })).error).toBeUndefined();
  expect(second.warnings()).toEqual(["dropped the INVALID index public.names_name that a failed build had left"]);
});

it.each([0, 1, 20, 39])("an abort after statement %i cancels the statements in the pipeline", async (number) => {
  const { sql, target } = await emptyDatabase();
  const statements = Array.from({ length: 40 }, (_, id) => `insert into t values (${id});`);
  const { folder } = migrationsOf({
    tag: "0000_many",
    up: ["create table t (id int);", ...statements.slice(1), "select pg_sleep(600);"].join(
      "\n--> statement-breakpoint\n",
    ),
  });
  const stopping = new AbortController();
  const onEvent = (event: MigrateEvent) => {
    if (number === 0 ? event.type === "start" : event.type === "statement" && event.number === number) stopping.abort();
  };
  const { error, results } = await up({ target, folder, signal: stopping.signal, onEvent });
  expect(error?.message).toMatch(/^Stopped[\s\S]*0000_many was rolled back completely/);
  expect(results).toMatchObject([{ outcome: "failed" }]);
  expect(await sql`select to_regclass('t') as t`).toEqual([{ t: null }]);
});
