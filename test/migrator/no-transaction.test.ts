import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { down } from "../../src/migrator/commands/down.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { verify } from "../../src/migrator/commands/verify.ts";
import { listener } from "../support/events.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { command } from "../support/process.ts";

const names = {
  tag: "0000_names",
  up: "create table names (name text);\n--> statement-breakpoint\ninsert into names values ('a'), ('a'), ('b');",
};
const unique = "create unique index concurrently names_once on names (name);";
const concurrently = {
  tag: "0001_index",
  up: `-- migrate: no-transaction\ncreate table log (at text);\n--> statement-breakpoint\ninsert into log values ('one');\n--> statement-breakpoint\n${unique}\n--> statement-breakpoint\ninsert into log values ('two');`,
  down: "-- migrate: no-transaction\ndrop index concurrently if exists names_once;\n--> statement-breakpoint\ndrop table log;",
};

async function prepare() {
  const database = await emptyDatabase();
  const migrations = migrationsOf(names, concurrently);
  await up({ target: database.target, folder: migrations.folder, to: names.tag });
  const indexes = async () =>
    [
      ...(await database.sql`select relname as name, indisvalid as valid from pg_index join pg_class on indexrelid = pg_class.oid where relname like 'names%'`),
    ].map((row) => ({ ...row }));
  return { ...database, ...migrations, indexes };
}

describe("-- migrate: no-transaction", () => {
  it("after a failure, completed statements remain, the INVALID index is dropped, and the next up continues", async () => {
    const { sql, target, folder, indexes } = await prepare();
    const failed = await up({ target, folder });
    expect(failed.error?.message).toMatch(/0001_index\.sql:6:1: could not create unique index "names_once" \(23505\)/);
    expect(failed.error?.message).toMatch(
      /0001_index does not run in a transaction: the statements before the failure are committed/,
    );
    expect(await indexes()).toEqual([]);
    expect(await sql`select at from log`).toEqual([{ at: "one" }]);

    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    expect(await up({ target, folder })).toMatchObject({ results: [{ tag: "0001_index", outcome: "applied" }] });
    expect(await indexes()).toEqual([{ name: "names_once", valid: true }]);
    expect(await sql`select at from log`).toEqual([{ at: "one" }, { at: "two" }]);
    expect((await status({ target, folder })).verdict).toBe("current");
    expect(await down({ target, folder, confirm: () => true })).toMatchObject({ results: [{ outcome: "reverted" }] });
    expect(await indexes()).toEqual([]);
  });

  it("status shows a half-done migration, and down does not undo older ones", async () => {
    const { sql, target, folder } = await prepare();
    await up({ target, folder });
    const half = await status({ target, folder });
    expect(half).toMatchObject({
      verdict: "attention",
      migrations: [
        { note: undefined },
        { state: "pending", note: "2 of 4 statements done: `migrate up` continues after them" },
      ],
    });
    expect((await down({ target, folder, confirm: () => true })).error?.message).toMatch(
      /Nothing was undone: 0001_index is later, and half done\. Finish it first/,
    );

    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    await up({ target, folder });
    const confirm = async () => {
      await sql`create view on_log as select * from log`;
      return true;
    };
    expect((await down({ target, folder, confirm })).error?.message).toMatch(/other objects depend on it/);
    expect(await status({ target, folder })).toMatchObject({
      verdict: "attention",
      migrations: [
        {},
        { state: "applied", note: "1 of 2 statements of its down migration done: `migrate down` continues after them" },
      ],
    });
    await sql`drop view on_log`;
    expect((await down({ target, folder, confirm: () => true })).error).toBeUndefined();
    expect((await status({ target, folder })).verdict).toBe("pending");
  });

  it("the error of a failed index build is reported even when the INVALID index cannot be dropped", async () => {
    const { sql, target, folder, indexes } = await prepare();
    await sql.unsafe(`
      create function refuse() returns event_trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
      create event trigger refuse on ddl_command_start when tag in ('DROP INDEX') execute function refuse();`);
    const { onEvent, warnings } = listener();
    expect((await up({ target, folder, onEvent })).error?.message).toMatch(
      /could not create unique index "names_once"/,
    );
    expect(warnings()).toEqual(["an INVALID index may be left, which the next run drops: not today"]);
    expect(await indexes()).toEqual([{ name: "names_once", valid: false }]);
  });

  it("an INVALID index that a killed migrator left is dropped and built again", async () => {
    const { sql, target, folder, indexes } = await prepare();
    await expect(sql.unsafe(unique)).rejects.toMatchObject({ code: "23505" });
    expect(await indexes()).toEqual([{ name: "names_once", valid: false }]);
    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    const warnings: string[] = [];
    const { error } = await up({
      target,
      folder,
      onEvent: (event) => event.type === "warning" && warnings.push(event.message),
    });
    expect(error).toBeUndefined();
    expect(warnings).toEqual(["dropped the INVALID index public.names_once that a failed build had left"]);
    expect(await indexes()).toEqual([{ name: "names_once", valid: true }]);
  });

  it("an index that was built but not recorded counts as completed, and an index from elsewhere does not", async () => {
    const { sql, target, folder } = await prepare();
    await up({ target, folder });
    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    // Simulates a migrator that is killed after the server has built the index.
    await sql.unsafe(unique);
    expect(await up({ target, folder })).toMatchObject({ results: [{ outcome: "applied" }] });

    const fresh = await prepare();
    await fresh.sql.unsafe(unique.replace("unique ", ""));
    expect((await up({ target: fresh.target, folder: fresh.folder })).error?.message).toMatch(
      /relation "names_once" already exists \(42P07\)/,
    );
  });

  it("up refuses edits of completed statements, and names their line", async () => {
    const { target, folder, write } = await prepare();
    await up({ target, folder });
    write(names, { ...concurrently, up: concurrently.up.replace("'one'", "'other'") });
    expect((await up({ target, folder })).error?.message).toMatch(
      /0001_index\.sql:4: the first 2 statements of 0001_index are committed, and were edited since/,
    );
  });

  it("an index that is built concurrently must have a name", async () => {
    const { target } = await prepare();
    const { folder } = migrationsOf(names, {
      tag: "0001_nameless",
      up: "-- migrate: no-transaction\ncreate index concurrently on names (name);",
    });
    expect((await up({ target, folder })).error?.message).toMatch(/needs the name of the index/);
  });

  it("after SIGKILL during an index build, the next up waits for the build or repeats it", async () => {
    const { sql, url, target, folder, indexes } = await prepare();
    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    // CREATE INDEX CONCURRENTLY waits until the older snapshot is released.
    const old = await sql.reserve();
    await old`begin isolation level repeatable read`;
    await old`select 1`;
    const running = command(["migrate", "up", "--folder", folder], { DATABASE_URL: url });
    const building = async () =>
      (await sql`select 1 from pg_stat_progress_create_index where phase like 'waiting%'`).length > 0;
    while (!(await building())) await sql`select pg_sleep(0.02)`;
    running.child.kill("SIGKILL");
    await running.ended;
    const next = up({ target, folder });
    await old`commit`;
    old.release();
    expect(await next).toMatchObject({ results: [{ outcome: "applied" }] });
    expect(await indexes()).toEqual([{ name: "names_once", valid: true }]);
  });

  it("of two concurrent migrators, one builds the index, and the other one waits and finds it applied", async () => {
    const { sql, target, folder } = await prepare();
    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    const reports = await Promise.all([up({ target, folder }), up({ target, folder })]);
    expect(reports.map(({ results }) => results[0]?.outcome).sort()).toEqual(["applied", "applied elsewhere"]);
    expect(await sql`select at from log`).toEqual([{ at: "one" }, { at: "two" }]);
  });

  it("a blocking statement outside a transaction retries after lock_timeout without blocking readers", async () => {
    const { sql, target } = await emptyDatabase({ direct: true });
    await sql`create table busy (id int)`;
    const { folder } = migrationsOf({ tag: "0000_vacuum", up: "-- migrate: no-transaction\nvacuum full busy;" });
    const { onEvent, next } = listener();
    let running: ReturnType<typeof up> | undefined;
    await sql.begin(async (holder) => {
      await holder`select * from busy`;
      const retried = next("retry");
      running = up({ target, folder, lockTimeout: 100, onEvent });
      await retried;
      await sql.begin(async (reader) => {
        await reader`set local statement_timeout = '10s'`;
        await reader`select * from busy`;
      });
    });
    expect(await running).toMatchObject({ results: [{ outcome: "applied" }] });
  });

  it("a DO block can commit in batches", async () => {
    const { sql, target } = await emptyDatabase();
    await sql`create table work as select id, false as done from generate_series(1, 10) as id`;
    const { folder } = migrationsOf({
      tag: "0000_batches",
      up: `-- migrate: no-transaction
do $$ begin
  while exists (select from work where not done) loop
    update work set done = true where id in (select id from work where not done limit 3);
    commit;
  end loop;
end $$;`,
    });
    expect((await up({ target, folder })).error).toBeUndefined();
    expect(await sql`select count(*)::int as n from work where done`).toEqual([{ n: 10 }]);
  });

  it("an index that was dropped but not recorded counts as dropped, and one that never existed does not", async () => {
    const { sql, target, folder } = await prepare();
    await sql`delete from names where ctid in (select min(ctid) from names where name = 'a')`;
    const strict = { ...concurrently, down: "-- migrate: no-transaction\ndrop index concurrently names_once;" };
    const { folder: other } = migrationsOf(names, strict);
    await up({ target, folder });
    await sql`drop index names_once`;
    expect((await down({ target, folder: other })).error?.message).toMatch(/"names_once" does not exist \(42704\)/);
    // The first attempt has recorded the start of the statement.
    expect((await down({ target, folder: other })).error).toBeUndefined();
  });

  it("an INVALID index that a killed REINDEX CONCURRENTLY left is dropped before the retry", async () => {
    const { sql, target } = await prepare();
    await sql`create index names_name on names (name)`;
    await sql.unsafe(`create index names_name_ccnew on names (name);
      update pg_index set indisvalid = false where indexrelid = 'names_name_ccnew'::regclass`);
    const { folder } = migrationsOf(names, {
      tag: "0001_reindex",
      up: "-- migrate: no-transaction\nreindex index concurrently names_name;",
    });
    const { onEvent, warnings } = listener();
    expect((await up({ target, folder, onEvent })).error).toBeUndefined();
    expect(warnings()).toEqual(["dropped the INVALID index public.names_name_ccnew that a failed build had left"]);
  });
});

it("the example of docs/migrations.md passes squawk and the round-trip verification", async () => {
  const guide = readFileSync("docs/migrations.md", "utf8");
  const example = /```sql\n( *-- migrate: no-transaction\n[\s\S]*?)```/.exec(guide)?.[1]?.replace(/^ +/gm, "") ?? "";
  const downMigration = /`(drop index concurrently [^`]*)`/.exec(guide)?.[1] ?? "";
  const { folder } = migrationsOf(
    { tag: "0000_users", up: "create table users (status text);", down: "drop table users;" },
    { tag: "0001_index", up: example, down: `-- migrate: no-transaction\n${downMigration}` },
  );
  await promisify(execFile)("node_modules/.bin/squawk", ["--config", ".squawk.toml", join(folder, "0001_index.sql")]);
  const proofs = await verify({ server: { url: inject("serverUrl") }, folder });
  expect(proofs).toMatchObject([{ outcome: "verified" }, { outcome: "verified" }]);
});
