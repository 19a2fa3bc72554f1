import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { baseline } from "../../src/migrator/commands/baseline.ts";
import { repair } from "../../src/migrator/commands/repair.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { MigrationError } from "../../src/migrator/errors.ts";
import { hasMigrationsTable } from "../../src/migrator/history/migrations-table.ts";
import { recorderSql } from "../../src/migrator/history/recorder.ts";
import { defaultMigrationsTable } from "../../src/migrator/history/table-names.ts";
import { migrationsFolder, readJournal } from "../../src/migrator/journal/folder.ts";
import { withLogin } from "../support/database.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

const a = {
  tag: "0000_a",
  up: "create table a (id int);\ncreate function f() returns int language sql as $$\n select 1 $$;",
  down: "drop table a;",
};
const b = { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" };

const states = async (options: Parameters<typeof status>[0]) =>
  (await status(options)).migrations.map(({ tag, state, note }) => [tag, state, ...(note ? [note] : [])].join(" "));

it("the first migration contains exactly the SQL that up would add to drizzle-kit's table", () => {
  const first = readFileSync(`${migrationsFolder}/0000_create_users.sql`, "utf8");
  expect(first).toContain(recorderSql(defaultMigrationsTable).replaceAll('"', "").trim());
});

it("up uses a migrations table whose names need quoting", async () => {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf(a, b);
  const migrationsTable = { schema: 'odd "schema', table: "it's migrations" };
  expect((await up({ target, folder, migrationsTable })).error).toBeUndefined();
  expect((await status({ target, folder, migrationsTable })).verdict).toBe("current");
  expect(await sql`select count(*)::int as n from ${sql('odd "schema')}.${sql("it's migrations")}`).toEqual([{ n: 2 }]);
});

describe("a folder of another project", () => {
  it("up adds the recorder to drizzle-kit's table even when every migration is applied, but not in a dry run", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf({ tag: "0000_a", up: "create table a (id int);" });
    await up({ target, folder });
    await sql`drop table drizzle.__drizzle_migrations_runs`;
    await sql`drop function drizzle.__drizzle_migrations_record cascade`;
    await sql`drop index drizzle.__drizzle_migrations_once`;
    await up({ target, folder, dryRun: true });
    expect(await hasMigrationsTable(sql, defaultMigrationsTable)).toBe(false);
    expect(await up({ target, folder })).toEqual({ results: [] });
    expect(await hasMigrationsTable(sql, defaultMigrationsTable)).toBe(true);
  });

  it("up names the remedy for a migration that is recorded twice, even when drift is allowed", async () => {
    const { sql, target } = await emptyDatabase();
    const a = { tag: "0000_a", up: "create table a (id int);" };
    const { folder, write } = migrationsOf(a);
    await up({ target, folder });
    await sql`drop function drizzle.__drizzle_migrations_record cascade`;
    await sql`drop index drizzle.__drizzle_migrations_once`;
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) select hash, created_at from drizzle.__drizzle_migrations`;
    write(a, { tag: "0001_b", up: "create table b (id int);" });
    expect((await up({ target, folder, allowDrift: true })).error?.message).toMatch(
      /records a migration more than once. Run `migrate repair` to remove the second record/,
    );
  });
});

it("status, and up without pending migrations, need only the SELECT privilege on the migrations table", async () => {
  const { sql, url, target } = await emptyDatabase({ direct: true });
  await up({ target });
  const role = `reader_${process.pid}`;
  await sql.unsafe(`create role ${role} login password 'x'; grant usage on schema drizzle to ${role};
    grant select on drizzle.__drizzle_migrations to ${role}`);
  onTestFinished(async () => {
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  });
  const as = withLogin(url, { user: role, password: "x" });
  expect((await status({ target: { url: as } })).verdict).toBe("current");
  expect((await up({ target: { url: as } })).error).toBeUndefined();
  await sql.unsafe(`revoke select on drizzle.__drizzle_migrations from ${role}`);
  await expect(status({ target: { url: as } })).rejects.toThrow(MigrationError);
});

describe("baseline", () => {
  it("baseline records an existing database when its catalog equals that of the migrations", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    await sql.unsafe(a.up);
    await sql`grant select on a to public`;
    expect(await baseline({ target, folder, tag: "0000_a" })).toEqual({
      results: [{ tag: "0000_a", outcome: "recorded" }],
    });
    expect(await states({ target, folder })).toEqual(["0000_a applied", "0001_b pending"]);
    expect((await status({ target, folder })).migrations[0]).toMatchObject({
      appliedAt: undefined,
      duration: undefined,
    });
    expect((await up({ target, folder })).results).toMatchObject([{ tag: "0001_b", outcome: "applied" }]);
    expect(await baseline({ target, folder, tag: "0001_b" })).toEqual({ results: [] });
  });

  it("baseline refuses a database with another catalog, names the differences, and records nothing unless drift is allowed", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    await sql.unsafe(a.up.replace("id int", "id bigint"));
    await sql`create table more (id int)`;
    const { error, results } = await baseline({ target, folder, tag: "0001_b" });
    expect(error?.message).toMatch(/it lacks column public\.a\.id integer/);
    expect(error?.message).toMatch(/it has {3}column public\.a\.id bigint/);
    expect(error?.message).toMatch(/it lacks table public\.b/);
    expect(error?.message).toMatch(/it has {3}table public\.more/);
    expect(results.map(({ outcome }) => outcome)).toEqual(["pending", "pending"]);
    expect(await sql`select to_regclass('drizzle.__drizzle_migrations') as history`).toEqual([{ history: null }]);
    expect((await baseline({ target, folder, tag: "0000_a", allowDrift: true })).results).toMatchObject([
      { outcome: "recorded" },
    ]);
    await expect(baseline({ target, folder, tag: "0002_c" })).rejects.toThrow(/There is no migration 0002_c/);
  });

  it("baseline accepts a database that was restored from a dump, whose definitions PostgreSQL formats differently", async () => {
    const { sql, target } = await emptyDatabase();
    const cast = {
      tag: "0000_cast",
      up: `create table "Cast" (kind varchar(9) check (kind in ('a', 'b, (c)', 'it''s', '\\')), "other Kind" varchar);
        create index part on "Cast" (kind) where kind not in ('x', 'y');
        create view few as select * from "Cast" where kind in ('a', 'b') or 'a' in (kind, "other Kind");`,
      down: "drop view few;",
    };
    const { folder } = migrationsOf(cast);
    await up({ target, folder });
    const definitions = () => sql`
      select pg_get_constraintdef((select oid from pg_constraint where contype = 'c' and conrelid = '"Cast"'::regclass)) as check,
        pg_get_indexdef('part'::regclass) as index, pg_get_viewdef('few'::regclass) as view`;
    const [before] = await definitions();
    // Restores the definitions as pg_dump writes them.
    await sql.unsafe(`
      drop index part; alter table "Cast" drop constraint "Cast_kind_check";
      create or replace view few as ${before?.["view"]};
      alter table "Cast" add constraint "Cast_kind_check" ${before?.["check"]};
      ${before?.["index"]}; drop schema drizzle cascade`);
    expect(await definitions()).not.toEqual([before]);
    expect((await baseline({ target, folder, tag: cast.tag })).error).toBeUndefined();
  });

  it("baseline accepts a database with older partitions of the audit log", async () => {
    const { sql, target } = await emptyDatabase();
    await up({ target });
    await sql.unsafe(
      "create table partitions.audit_log_2020_01 partition of audit_log for values from ('2020-01-01') to ('2020-02-01')",
    );
    await sql`drop schema drizzle cascade`;
    expect((await baseline({ target, tag: readJournal().at(-1)?.tag ?? "" })).error).toBeUndefined();
    expect((await status({ target })).verdict).toBe("current");
  });
});

describe("repair", () => {
  it("repair reports every kind of drift, and after confirmation repairs it without changing the schema", async () => {
    const { sql, target } = await emptyDatabase();
    const c = { tag: "0002_c", up: "create table c (id int);" };
    const d = { tag: "0003_d", up: "create table d (id int);" };
    const { folder, write } = migrationsOf(a, b, c, d);
    await up({ target, folder });
    // 0000_a is edited, 0001_b renumbered, 0002_c removed, and 0003_d recorded twice.
    write(
      { ...a, up: `${a.up}\n-- explained` },
      { ...b, when: Date.UTC(2026, 0, 1, 1) },
      { ...d, when: Date.UTC(2026, 0, 1) + 30 },
    );
    await sql`drop index drizzle.__drizzle_migrations_once`;
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) select 'another', created_at from drizzle.__drizzle_migrations where id = 4`;
    const options = { target, folder };
    expect(await states(options)).toEqual([
      "0000_a edited",
      "0001_b pending",
      "0003_d applied recorded more than once",
      '(recorded 2026-01-01T00:00:00.010Z) unknown has the content of 0001_b: its "when" in the journal has changed',
      "(recorded 2026-01-01T00:00:00.020Z) unknown",
    ]);

    const proposed = await repair(options);
    expect(proposed.mended).toBe(false);
    expect(proposed.repairs.map(({ tag, problem }) => `${tag} ${problem}`)).toEqual([
      "0003_d recorded twice",
      "0000_a edited",
      "(recorded 2026-01-01T00:00:00.010Z) renumbered",
      "(recorded 2026-01-01T00:00:00.020Z) unknown",
    ]);
    expect(await repair({ ...options, confirm: () => false })).toEqual(proposed);
    const before = await sql`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`;
    expect(await repair({ ...options, tags: ["0000_a"], confirm: () => true })).toMatchObject({
      mended: true,
      repairs: [{ tag: "0000_a" }],
    });
    expect((await repair({ ...options, confirm: () => true })).mended).toBe(true);
    expect(await states(options)).toEqual(["0000_a applied", "0001_b applied", "0003_d applied"]);
    expect(await repair(options)).toEqual({ repairs: [], mended: false });
    expect([
      ...(await sql`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`),
    ]).toEqual([...before]);
    expect((await up(options)).error).toBeUndefined();
    await expect(repair({ ...options, tags: ["0000_a"] })).rejects.toThrow(/nothing to repair about 0000_a/);
  });

  it("repair distinguishes two renumbered migrations with the same content", async () => {
    const { sql, target } = await emptyDatabase();
    const same = "create table if not exists twin (id int);";
    const { folder, write } = migrationsOf({ tag: "0000_a", up: same }, { tag: "0001_b", up: same });
    await up({ target, folder });
    const later = Date.UTC(2026, 0, 2);
    write({ tag: "0000_a", up: same, when: later }, { tag: "0001_b", up: same, when: later + 10 });
    const options = { target, folder };
    expect((await states(options)).slice(2)).toEqual([
      expect.stringMatching(/has the content of 0000_a/),
      expect.stringMatching(/has the content of 0001_b/),
    ]);
    expect((await repair({ ...options, confirm: () => true })).mended).toBe(true);
    expect(await states(options)).toEqual(["0000_a applied", "0001_b applied"]);
    expect(await sql`select id::int, created_at::float8 as when from drizzle.__drizzle_migrations order by id`).toEqual(
      [
        { id: 1, when: later },
        { id: 2, when: later + 10 },
      ],
    );
  });

  it("repair reports and removes a row without a valid time", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf(a);
    const options = { target, folder };
    await up(options);
    await sql`alter table drizzle.__drizzle_migrations disable trigger all`;
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('odd', 1700000000000000000), ('none', null)`;
    const names = ["(recorded 1700000000000000000)", "(recorded without a time)"];
    expect(await states(options)).toEqual(["0000_a applied", ...names.map((name) => `${name} unknown`)]);
    expect((await up(options)).error?.message).toContain(`${names[0]} was applied, but the folder does not contain it`);
    expect(await repair({ ...options, confirm: () => true })).toMatchObject({
      mended: true,
      repairs: names.map((tag) => ({ tag, problem: "unknown" })),
    });
    expect(await states(options)).toEqual(["0000_a applied"]);
  });

  it("repair preserves the time and the duration of an applied migration", async () => {
    const { target } = await emptyDatabase();
    const { folder, write } = migrationsOf(a);
    await up({ target, folder });
    const [before] = (await status({ target, folder })).migrations;
    write({ ...a, when: Date.UTC(2026, 0, 2) });
    await repair({ target, folder, confirm: () => true });
    write({ ...a, up: `${a.up}\n-- explained`, when: Date.UTC(2026, 0, 2) });
    await repair({ target, folder, confirm: () => true });
    expect((await status({ target, folder })).migrations).toEqual([before]);
  });
});
