import { describe, expect, it } from "vitest";
import { down, redo } from "../../src/migrator/commands/down.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { withLogin } from "../support/database.ts";
import { drizzleKit, emptyDatabase, migrationsOf, type TestMigration } from "../support/migrations.ts";

const table = (name: string, index: number): TestMigration => ({
  tag: `000${index}_${name}`,
  up: `create table ${name} (id int primary key, note text);`,
  down: `drop table ${name};`,
});
const [a, b, c] = [table("a", 0), table("b", 1), table("c", 2)];

async function applied(...migrations: TestMigration[]) {
  const database = await emptyDatabase();
  const { folder, write } = migrationsOf(...migrations);
  await up({ target: database.target, folder });
  const tables = async () =>
    (
      await database.sql`select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`
    ).map(({ relname }) => relname);
  return { ...database, folder, write, options: { target: database.target, folder }, tables };
}

describe("down", () => {
  it("down undoes the newest migration, the given number of migrations, those after a tag, or all", async () => {
    const { options, tables } = await applied(a, b, c);
    expect(await down(options)).toEqual({
      losses: [],
      results: [{ tag: "0002_c", outcome: "reverted", duration: expect.any(Number) }],
    });
    expect(await tables()).toEqual(["a", "b"]);
    await up(options);
    expect((await down({ ...options, steps: 2 })).results.map(({ tag }) => tag)).toEqual(["0002_c", "0001_b"]);
    await up(options);
    await down({ ...options, to: "0001_b" });
    expect(await tables()).toEqual(["a", "b"]);
    await down({ ...options, all: true });
    expect(await tables()).toEqual([]);
    expect(await down(options)).toEqual({ results: [], losses: [] });
  });

  it("down changes nothing when a down migration is missing, empty or irreversible, and names each", async () => {
    const { options, tables } = await applied(
      a,
      { ...b, down: "-- migrate: irreversible the old names are gone\n" },
      { ...c, down: "-- nothing yet\n" },
      { tag: "0003_d", up: "create table d (id int);" },
    );
    const { error, results } = await down({ ...options, all: true, confirm: () => true });
    expect(error?.message).toMatch(
      /Nothing was undone:\n.*0003_d has no 0003_d\.down\.sql\n.*0002_c\.down\.sql is empty\n.*0001_b cannot be undone: the old names are gone/,
    );
    expect(results.every(({ outcome }) => outcome === "kept")).toBe(true);
    expect(await tables()).toEqual(["a", "b", "c", "d"]);
  });

  it("down reports the data loss by table and column, and does not run without confirmation", async () => {
    const columns = {
      tag: "0002_columns",
      up: "alter table a add column extra text; alter table b add column more int;",
      down: "alter table a drop column extra; delete from b where id = 1; alter table b drop column more;",
    };
    const { sql, options, tables } = await applied(a, b, columns);
    await sql`insert into a (id, extra) values (1, 'x'), (2, 'y'), (3, null)`;
    await sql`insert into b (id) values (1), (2)`;
    const losses = [
      { table: "public.a", column: "extra", rows: 2 },
      { table: "public.b", rows: 1 },
    ];
    expect(await down({ ...options, dryRun: true })).toMatchObject({ losses, results: [{ outcome: "kept" }] });
    const refused = await down(options);
    expect(refused.losses).toEqual(losses);
    expect(refused.error?.message).toMatch(
      /rows would be lost:\n.*public\.a\.extra: 2 values\n.*public\.b: 1 row\nTo lose them: --yes\.$/,
    );
    expect(await down({ ...options, confirm: () => false })).toMatchObject({ results: [{ outcome: "kept" }] });
    expect(await sql`select count(*)::int as n from a where extra is not null`).toEqual([{ n: 2 }]);

    let confirmed: unknown;
    const done = await down({
      ...options,
      all: true,
      confirm: (found) => {
        confirmed = found;
        return true;
      },
    });
    expect(confirmed).toEqual(
      expect.arrayContaining([
        { table: "public.a", column: undefined, rows: 3 },
        { table: "public.b", column: undefined, rows: 2 },
      ]),
    );
    expect(done.error).toBeUndefined();
    expect(await tables()).toEqual([]);
  });

  it("down counts the rows of all partitions as those of the partitioned table", async () => {
    const partitioned = {
      tag: "0000_partitioned",
      up: "create table p (id int) partition by list (id);\ncreate table p1 partition of p for values in (1);\ncreate table p2 partition of p for values in (2);",
      down: "drop table p;",
    };
    const { sql, options } = await applied(partitioned);
    await sql`insert into p values (1), (1), (2)`;
    expect((await down({ ...options, dryRun: true })).losses).toEqual([
      { table: "public.p", column: undefined, rows: 3 },
    ]);
  });

  it.each([
    ["a TRUNCATE", "truncate a;", [{ table: "public.a", rows: 3 }]],
    ["a TRUNCATE before new rows", "truncate a; insert into a values (9);", [{ table: "public.a", rows: 3 }]],
    ["a DELETE in a partition", "delete from p where id = 1;", [{ table: "public.p", rows: 2 }]],
    ["a TRUNCATE of a partition", "truncate p1;", [{ table: "public.p", rows: 2 }]],
    ["a dropped partition", "drop table p1;", [{ table: "public.p", rows: 2 }]],
    ["a detached partition", "alter table p detach partition p1;", [{ table: "public.p", rows: 2 }]],
    ["updated values", "update a set note = null;", [{ table: "public.a", change: "changed", rows: 3 }]],
    [
      "truncated values",
      "alter table a alter note type varchar(2) using left(note, 2);",
      [{ table: "public.a", column: "note", change: "turned into character varying(2)", rows: 2 }],
    ],
    ["a change of type", "alter table a alter id type bigint;", [expect.objectContaining({ column: "id" })]],
    [
      "a table rewrite, which loses nothing",
      "alter table a add c timestamptz default clock_timestamp(); cluster a using a_pkey;",
      [],
    ],
    ["new rows, which lose nothing", "insert into a values (9); insert into p values (2);", []],
  ])("down detects the data loss of %s", async (_, downSql, losses) => {
    const { sql, options } = await applied({
      ...a,
      up: `${a.up}\ncreate table p (id int) partition by list (id);\ncreate table p1 partition of p for values in (1);\ncreate table p2 partition of p for values in (2);`,
      down: downSql,
    });
    await sql`insert into a values (1, 'long'), (2, 'longer'), (3, null)`;
    await sql`insert into p values (1), (1), (2)`;
    expect((await down({ ...options, dryRun: true })).losses).toEqual(losses);
  });

  it("down asks for confirmation of an unknown loss when row-level security hides rows", async () => {
    const secret = `alter table a enable row level security; alter table a force row level security;`;
    const { sql, directUrl, folder } = await applied({ ...a, up: "select 1;", down: "drop table a;" });
    const role = `hidden_${process.pid}`;
    await sql.unsafe(`create role ${role} login password 'x'; grant all on schema public, drizzle to ${role};
      grant all on all tables in schema drizzle to ${role}; ${a.up} insert into a values (1); ${secret} alter table a owner to ${role}`);
    const as = withLogin(directUrl, { user: role, password: "x" });
    const { losses, error } = await down({ target: { url: as }, folder });
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    expect(losses).toEqual([{ table: "public.a", unknown: expect.stringContaining("row-level security") }]);
    expect(error?.message).toMatch(/public\.a: an unknown number of rows \(.*row-level security/);
  });

  it.each([
    ["commits", "do $$ begin delete from a; commit; end $$;"],
    ["detaches a partition", "alter table p detach partition p1 concurrently;"],
  ])(
    "down reports an unknown loss for a down migration that %s and cannot be tried in a transaction",
    async (_, downSql) => {
      const { options } = await applied({
        ...a,
        up: `${a.up} create table p (id int) partition by list (id); create table p1 partition of p for values in (1);`,
        down: `-- migrate: no-transaction\n${downSql}`,
      });
      expect((await down({ ...options, dryRun: true })).losses).toEqual([
        { unknown: expect.stringMatching(/0000_a\.down\.sql has a statement that cannot be tried in a transaction/) },
      ]);
    },
  );

  it("down limits the trial run, which blocks other sessions, to a short time, and then asks about an unknown loss", async () => {
    const { options, tables } = await applied({ ...a, down: "drop table a; select pg_sleep(60);" });
    const { error } = await down({ ...options, lockTimeout: 50 });
    expect(error?.message).toMatch(
      /an unknown number of rows \(a trial run would block other sessions for longer than 0\.1 s\)/,
    );
    expect(await tables()).toEqual(["a"]);
  });

  it("down tries several migrations in one transaction although one has deferred constraints", async () => {
    const referring = {
      tag: "0001_b",
      up: "create table b (a int references a deferrable initially deferred);",
      down: "delete from b; delete from a;",
    };
    const more = { tag: "0000_a", up: a.up, down: "alter table b add c int; drop table a cascade;" };
    const { sql, options } = await applied(more, referring);
    await sql`insert into a values (1)`;
    await sql`insert into b values (1)`;
    const { losses, error } = await down({ ...options, all: true, dryRun: true });
    expect(error).toBeUndefined();
    expect(losses).toEqual([
      { table: "public.a", rows: 1 },
      { table: "public.b", rows: 1 },
    ]);
  });

  it("down does not ask for confirmation when no data is lost", async () => {
    const { options } = await applied(a, b);
    const { error } = await down({ ...options, confirm: () => expect.fail("asked") });
    expect(error).toBeUndefined();
  });

  it("a down migration that fails is rolled back completely and reported with its place", async () => {
    const { sql, options, tables } = await applied({
      ...a,
      down: "drop table a;\n--> statement-breakpoint\ndrop table nowhere;",
    });
    const { error } = await down(options);
    expect(error?.message).toMatch(/0000_a\.down\.sql:3:1: table "nowhere" does not exist \(42P01\)/);
    expect(await tables()).toEqual(["a"]);
    expect(await sql`select count(*)::int as n from drizzle.__drizzle_migrations`).toEqual([{ n: 1 }]);
  });

  it("down refuses to run while a later migration is applied that the folder lacks; an older one does not matter", async () => {
    const { write, options } = await applied(a, b, c);
    write(a, b);
    expect((await down(options)).error?.message).toMatch(
      /\(recorded 2026-01-01T00:00:00\.020Z\) was applied later, and the folder does not contain it/,
    );
    write(b, c);
    const { folder } = migrationsOf(
      { ...b, when: Date.UTC(2026, 0, 1, 0, 0, 0, 10) },
      { ...c, when: Date.UTC(2026, 0, 1, 0, 0, 0, 20) },
    );
    expect(await down({ ...options, folder })).toMatchObject({ results: [{ tag: "0002_c", outcome: "reverted" }] });
  });

  it("down undoes nothing when a later migration is applied during the confirmation", async () => {
    const { sql, target } = await emptyDatabase({ direct: true });
    const { folder } = migrationsOf(a, b);
    await up({ target, folder, to: a.tag });
    await sql`insert into a values (1)`;
    const { error, results } = await down({
      target,
      folder,
      confirm: async () => (await up({ target, folder })).error === undefined,
    });
    expect(error?.message).toMatch(/0000_a was not undone: 0001_b has been applied since. Undo it first/);
    expect(results).toMatchObject([{ tag: "0000_a", outcome: "failed" }]);
    expect(await sql`select * from a`).toHaveLength(1);
  });

  it("down and up refuse an invalid number of steps", async () => {
    const { options, tables } = await applied(a, b);
    for (const steps of [-1, 1.5, Number.NaN])
      expect((await down({ ...options, steps })).error?.message).toMatch(/steps must be a whole number from 0 on/);
    expect(await tables()).toEqual(["a", "b"]);
    await expect(up({ ...options, steps: -1 })).rejects.toThrow(/steps must be a whole number/);
  });

  it("redo undoes nothing when it could not apply the migration again", async () => {
    const { write, options, tables } = await applied(a, b);
    write(a, { ...b, up: "create table b (id int);\ncommit;" });
    expect((await redo(options)).error?.message).toMatch(/0001_b\.sql:2:1: commit\n/);
    write({ ...a, up: "create table other (id int);" }, b);
    expect((await redo(options)).error?.message).toMatch(/0000_a was edited after it was applied/);
    expect(await tables()).toEqual(["a", "b"]);
  });

  it("redo undoes the newest migration and applies the current version of its file", async () => {
    const { sql, write, options } = await applied(a, b);
    write(a, { ...b, up: "create table b (id int primary key, changed text);" });
    expect(await redo(options)).toMatchObject({
      results: [
        { tag: "0001_b", outcome: "reverted" },
        { tag: "0001_b", outcome: "applied" },
      ],
    });
    expect(
      await sql`select 1 from information_schema.columns where table_name = 'b' and column_name = 'changed'`,
    ).toHaveLength(1);
  });

  it("drizzle-kit and the migrator can alternate, and leave the same migrations table", async () => {
    const { sql, url, target } = await emptyDatabase();
    await up({ target, to: "0001_create_user_security" });
    await drizzleKit(url, "migrate");
    expect((await status({ target })).verdict).toBe("current");
    await down({ target, to: "0001_create_user_security", confirm: () => true });
    await drizzleKit(url, "migrate");
    const times = (await status({ target })).migrations;
    expect(
      times.every(({ state, appliedAt, duration }) => state === "applied" && appliedAt && duration !== undefined),
    ).toBe(true);
    const reference = await emptyDatabase();
    await drizzleKit(reference.url, "migrate");
    const history = (from: typeof sql) =>
      from`select hash, created_at from drizzle.__drizzle_migrations order by created_at`;
    expect([...(await history(sql))]).toEqual([...(await history(reference.sql))]);
  });
});
