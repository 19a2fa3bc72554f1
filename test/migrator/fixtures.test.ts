import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { fillTables, readRows } from "../../src/migrator/fixtures/fill-tables.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { unfillable, zoo } from "./fixtures-zoo.ts";

type Transaction = Parameters<Parameters<TestDatabase["sql"]["begin"]>[1]>[0];

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  ({ sql } = database);
  await sql.unsafe(zoo);
  await sql`alter database ${sql(new URL(database.url).pathname.slice(1))} set search_path = public`;
});
afterAll(() => database.drop());

async function emptyDatabase(ddl = "") {
  const own = await createDatabase({ empty: true });
  onTestFinished(own.drop);
  await own.sql.unsafe(ddl);
  return own;
}

/** Runs `work` in a transaction that is rolled back. */
async function rolledBack(work: (tx: Transaction) => Promise<void>): Promise<void> {
  const nothing = new Error("nothing is left");
  await sql
    .begin(async (tx) => {
      await work(tx);
      throw nothing;
    })
    .catch((error) => {
      if (error !== nothing) throw error;
    });
}

const parse = (rows: Map<string, string[]>, table: string) =>
  (rows.get(table) ?? []).map((row) => JSON.parse(row) as Record<string, unknown>);

describe.each([1, 2, 3])("tables of every kind, seed %s", (seed) => {
  it("the fixture generator fills every table that can have rows, and gives a reason for the others", async () => {
    await rolledBack(async (tx) => {
      const { filled, empty } = await fillTables(tx, { seed });
      expect(empty.map(({ table }) => table).sort()).toEqual(unfillable);
      const reasons = Object.fromEntries(empty.map(({ table, reason }) => [table, reason]));
      expect(reasons).toMatchObject({
        "zoo.impossible": expect.stringContaining("impossible_n_check"),
        "zoo.depends": expect.stringContaining("depends_n_fkey"),
        "zoo.thrown_away": expect.stringContaining("rule"),
      });

      const rows = await readRows(tx);
      expect([...rows.keys()].sort()).toEqual([...filled, ...unfillable].sort());
      for (const table of filled)
        expect(rows.get(table)?.length, table).toBeGreaterThanOrEqual(table === "zoo.flags" ? 2 : 3);

      // Deferred constraints hold as well.
      await tx`set constraints all immediate`;

      // One row has a value of every type of this server, and one has as few as possible.
      const types = parse(rows, "zoo.types").map((row) => Object.values(row).filter((value) => value === null).length);
      expect(Math.min(...types)).toBeLessThanOrEqual(2);
      expect(Math.max(...types)).toBeGreaterThan(60);
      expect(parse(rows, "zoo.alpha").some(({ omega }) => omega !== null)).toBe(true);
      expect(parse(rows, "zoo.people").some(({ boss }) => boss !== null)).toBe(true);
      expect(parse(rows, "zoo.tasks").some(({ parent }) => parent !== null)).toBe(true);
      expect(parse(rows, "zoo.people").some((row) => Object.values(row).every((value) => value !== null))).toBe(true);
    });
  });
});

it("the fixture generator fills this project's tables, also the columns that the rows of a trigger leave null", async () => {
  const own = await createDatabase();
  onTestFinished(own.drop);
  const migrationsTable = { schema: "drizzle", table: "__drizzle_migrations" };
  const applied = await own.sql`select count(*) from drizzle.__drizzle_migrations`;
  // A third of the seeds draw recovery codes that their check accepts; with the others the column stays null.
  const { filled, empty } = await fillTables(own.sql, { migrationsTable, seed: 2 });
  expect(empty).toEqual([]);
  expect(filled).toEqual([
    "public.audit_checkpoints",
    "public.audit_leaves",
    "public.audit_log",
    "public.audit_sequencer",
    "public.audit_tree",
    "public.challenges",
    "public.rate_limits",
    "public.user_devices",
    "public.user_security",
    "public.user_sessions",
    "public.users",
  ]);
  expect(await own.sql`select count(*) from drizzle.__drizzle_migrations`).toEqual(applied);

  const rows = await readRows(own.sql);
  for (const table of filled) {
    expect(
      parse(rows, table).some((row) => Object.values(row).every((value) => value !== null)),
      table,
    ).toBe(true);
  }
  expect([...rows.keys()].filter((table) => table.startsWith("partitions"))).toEqual([]);
});

it("the fixture generator generates the same values for the same seed, and others for another seed", async () => {
  const ddl = "create table t (a integer, b text, c timestamptz, d jsonb)";
  const drawn = async (seed: number) => {
    const own = await emptyDatabase(ddl);
    await fillTables(own.sql, { seed });
    return readRows(own.sql);
  };
  const [first, again, other] = [await drawn(1), await drawn(1), await drawn(2)];
  expect(first).toEqual(again);
  expect(first).not.toEqual(other);
});

it("the fixture generator fills only the given tables, with references to existing rows", async () => {
  const own = await emptyDatabase(
    "create table a (id integer primary key); create table b (a integer not null references a)",
  );
  const only = new Set(["public.b"]);
  expect(await fillTables(own.sql, { only })).toMatchObject({ filled: [], empty: [{ table: "public.b" }] });
  await own.sql`insert into a values (42)`;
  expect(await fillTables(own.sql, { only })).toEqual({ filled: ["public.b"], empty: [] });
  const rows = await readRows(own.sql);
  expect(rows.get("public.a")).toEqual(['{"id": 42}']);
  expect(new Set(rows.get("public.b"))).toEqual(new Set(['{"a": 42}']));
});

it("the fixture generator does not fill the migrations table", async () => {
  const own = await emptyDatabase(
    "create table m (id integer); create table m_runs (id integer); create table t (id integer)",
  );
  expect(await fillTables(own.sql, { migrationsTable: { schema: "public", table: "m" } })).toEqual({
    filled: ["public.t"],
    empty: [],
  });
  expect((await readRows(own.sql)).get("public.m_runs")).toEqual([]);
});

describe("on a connection of any kind", () => {
  const ddl = "create table t (a integer check (a between 7 and 9) unique)";

  it("commits on a pool", async () => {
    const own = await emptyDatabase(ddl);
    await fillTables(own.sql);
    expect((await readRows(own.sql)).get("public.t")).toHaveLength(3);
  });

  it("the fixture generator joins a transaction without failing it", async () => {
    const own = await emptyDatabase(ddl);
    await own.sql.begin(async (tx) => {
      await fillTables(tx);
      await tx`create table u ()`;
    });
    expect((await readRows(own.sql)).get("public.t")).toHaveLength(3);
    expect((await readRows(own.sql)).has("public.u")).toBe(true);
  });

  it("the fixture generator fills through a reserved connection, inside and outside of a transaction", async () => {
    const own = await emptyDatabase(ddl);
    const reserved = await own.sql.reserve();
    await reserved`begin`;
    await fillTables(reserved);
    expect((await readRows(reserved)).get("public.t")).toHaveLength(3);
    await reserved`rollback`;
    expect((await readRows(reserved)).get("public.t")).toHaveLength(0);
    await fillTables(reserved);
    reserved.release();
    expect((await readRows(own.sql)).get("public.t")).toHaveLength(3);
  });
});

it.each([
  ["lock_timeout", "55P03"],
  ["statement_timeout", "57014"],
])("throws a %s, after which the caller's transaction can continue", async (setting, code) => {
  const own = await emptyDatabase("create table t (a integer)");
  await own.sql.begin(async (holder) => {
    await holder`lock table t in share mode`;
    await own.sql.begin(async (tx) => {
      await tx`select set_config(${setting}, '300', true)`;
      await expect(fillTables(tx)).rejects.toMatchObject({ code });
      await tx`create table after ()`;
    });
  });
  expect((await readRows(own.sql)).get("public.after")).toEqual([]);
});

it("the fixture generator reads the given columns of the given tables in any column order", async () => {
  const own = await emptyDatabase(`
    create table a (x integer, y text);
    create table b (z integer);
    create table c () inherits (b);
    create table p (n integer) partition by list (n);
    create table p1 partition of p for values in (1);
    insert into a values (2, 'b'), (1, 'a');
    insert into c values (3);
    insert into p values (1)`);
  expect(await readRows(own.sql)).toEqual(
    new Map([
      ["public.a", ['{"x": 1, "y": "a"}', '{"x": 2, "y": "b"}']],
      ["public.b", []],
      ["public.c", ['{"z": 3}']],
      ["public.p", ['{"n": 1}']],
    ]),
  );
  const columns = new Map([
    ["public.a", ["y", "gone"]],
    ["public.gone", ["y"]],
  ]);
  expect(await readRows(own.sql, columns)).toEqual(new Map([["public.a", ['{"y": "a"}', '{"y": "b"}']]]));

  const before = await readRows(own.sql);
  await own.sql`alter table a drop y, add y text`;
  await own.sql`update a set y = chr(96 + x)`;
  expect(await readRows(own.sql)).toEqual(before);
});

it("the fixture generator fills and reads tables with a number of statements that grows in proportion to the number of tables", async () => {
  const statements = async (tables: number) => {
    const own = await emptyDatabase(`do $$ begin for n in 1 .. ${tables} loop
      execute format('create table t%s (id serial primary key, a text not null check (a in (''x'', ''y'')), b timestamptz, c jsonb)', n);
    end loop; end $$`);
    let count = 0;
    const counted = postgres(own.directUrl, { max: 1, onnotice: () => {}, debug: () => (count += 1) });
    onTestFinished(() => counted.end());
    expect((await fillTables(counted)).empty).toEqual([]);
    expect((await readRows(counted)).size).toBe(tables);
    return count;
  };
  const [few, twice] = [await statements(20), await statements(40)];
  // A second attempt takes some tables more statements. Work that grows with the square would take four times as many.
  expect(twice).toBeLessThan(3 * few);
});
