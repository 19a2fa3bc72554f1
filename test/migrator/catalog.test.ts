import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { compareCatalogs, readCatalog } from "../../src/migrator/introspection/catalog.ts";
import { catalogQuery } from "../../src/migrator/introspection/catalog-query.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { changes } from "./catalog-changes.ts";

const migrationsTable = { schema: "drizzle", table: "__drizzle_migrations" };
const read = (sql: Parameters<typeof readCatalog>[0], options: { grants?: boolean; partitions?: boolean } = {}) =>
  readCatalog(sql, { migrationsTable, ...options });

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  ({ sql } = database);
  await sql.unsafe(`
    create schema app;
    create table app.other (id integer primary key);
    create table app.t (a integer, name varchar(50));
    create table app.p (a integer) partition by list (a);
    create table app.p1 partition of app.p for values in (1);
    create view app.v as select a from app.t;
    create sequence app.s;
    create type app.mood as enum ('sad', 'happy');
    create type app.pair as (a integer, b text);
    create domain app.d as integer constraint positive check (value > 0);
    create function app.f(a integer) returns integer language sql as 'select 1';
    create function app.tr() returns trigger language plpgsql as 'begin return new; end';
    create function app.ev() returns event_trigger language plpgsql as 'begin end';`);
});
afterAll(() => database.drop());

/** Runs `work` in a transaction that is rolled back, with a role `somebody` for grants. */
async function rolledBack(work: (tx: Parameters<Parameters<typeof sql.begin>[1]>[0]) => Promise<void>): Promise<void> {
  const nothing = new Error("nothing is left");
  await sql
    .begin(async (tx) => {
      await tx`create role somebody`;
      await work(tx as never);
      throw nothing;
    })
    .catch((error) => {
      if (error !== nothing) throw error;
    });
}

describe("detects a change and its reversal:", () => {
  /** The catalog without any setup, which most changes begin with. */
  let original: string[] | undefined;

  it.each(changes)("readCatalog detects a change, and its reversal, of: %s", async (_, setup, change, undo) => {
    await rolledBack(async (tx) => {
      if (setup) await tx.unsafe(setup);
      else original ??= await read(tx);
      const before = setup || original === undefined ? await read(tx) : original;
      await tx.unsafe(change);
      const { missing, extra } = compareCatalogs(before, await read(tx));
      expect(missing.length + extra.length).toBeGreaterThan(0);
      await tx.unsafe(undo);
      expect(compareCatalogs(before, await read(tx))).toEqual({ missing: [], extra: [] });
    });
  });
});

describe("ignores", () => {
  it.each([
    [
      "a column that came back at the end",
      "alter table app.t drop a cascade, add a integer; create view app.v as select a from app.t",
    ],
    ["a sequence's value", "select nextval('app.s')"],
    ["rows", "insert into app.t values (1)"],
    ["a temporary table, even of the same name", "create temporary table t (a integer primary key)"],
    [
      "default grants that are written down",
      "grant select on app.t, app.v to somebody; revoke all on app.t, app.v from somebody",
    ],
    ["a function's default grants that are written down", "grant execute on function app.f to public"],
    ["another owner", "alter table app.other owner to somebody"],
  ])("readCatalog ignores %s", async (_, change) => {
    await rolledBack(async (tx) => {
      const before = await read(tx);
      await tx.unsafe(change);
      expect(await read(tx)).toEqual(before);
    });
  });

  it.each([
    "search_path = app, public",
    "search_path = ''",
    "timezone = 'Asia/Tokyo'",
    "datestyle = 'German'",
    "quote_all_identifiers = on",
  ])("readCatalog does not depend on the setting %s, and leaves it unchanged", async (setting) => {
    const reserved = await sql.reserve();
    onTestFinished(() => reserved.release());
    await sql`create table app.dated (at timestamptz default '2024-01-01 00:00Z', m app.mood) partition by range (at)`;
    await sql`create table app.dated1 partition of app.dated for values from ('2024-01-01 00:00Z') to (maxvalue)`;
    onTestFinished(async () => void (await sql`drop table app.dated`));
    const before = await read(sql);

    const name = setting.split(" ")[0] as string;
    const current = async () => (await reserved`select current_setting(${name}) as value`)[0]?.["value"];
    await reserved.unsafe(`set ${setting}`);
    const set = await current();
    expect(await read(reserved)).toEqual(before);
    expect(await current()).toBe(set);

    await reserved`begin`;
    await reserved.unsafe(`set local ${setting}`);
    expect(await read(reserved)).toEqual(before);
    expect(await current()).toBe(set);
    await reserved`commit`;
    await reserved.unsafe(`reset ${name}`);
  });
});

it("readCatalog excludes only grants with grants: false", async () => {
  await rolledBack(async (tx) => {
    const before = await read(tx, { grants: false });
    await tx`grant all on app.t, app.s to somebody`;
    await tx`grant select (a) on app.t to somebody`;
    await tx`grant all on schema app to somebody`;
    await tx`alter default privileges grant select on tables to somebody`;
    expect(await read(tx, { grants: false })).toEqual(before);
    await tx`alter table app.t add b integer`;
    expect(await read(tx, { grants: false })).not.toEqual(before);
  });
});

it("readCatalog excludes partitions and their objects, but not the partitioned table, with partitions: false", async () => {
  await rolledBack(async (tx) => {
    const before = await read(tx, { partitions: false });
    expect(before).toContain("table app.p partition by LIST (a)");
    await tx.unsafe(`
      create table app.p2 partition of app.p for values in (2);
      alter table app.p2 add check (a > 0);
      create index on app.p2 (a);
      create trigger x before insert on app.p2 for each row execute function app.tr();
      comment on table app.p2 is 'x';
      grant select on app.p2 to somebody;
      alter table app.p1 alter a set default 1`);
    expect(await read(tx, { partitions: false })).toEqual(before);
    await tx`create index on app.p (a)`;
    expect(compareCatalogs(before, await read(tx, { partitions: false }))).toEqual({
      missing: [],
      extra: ["index app.p_a_idx CREATE INDEX p_a_idx ON ONLY app.p USING btree (a)"],
    });
  });
});

it("readCatalog lists a foreign key to a partitioned table once", async () => {
  await rolledBack(async (tx) => {
    await tx.unsafe("alter table app.p add primary key (a); alter table app.t add foreign key (a) references app.p");
    const keys = (await read(tx)).filter((line) => line.includes("FOREIGN KEY"));
    expect(keys).toEqual(["constraint t_a_fkey on app.t FOREIGN KEY (a) REFERENCES app.p(a)"]);
  });
});

it.each(["hstore", "cube, earthdistance", "pg_stat_statements"])(
  "readCatalog lists only the extension itself for %s",
  async (names) => {
    await rolledBack(async (tx) => {
      const before = await read(tx);
      const extensions = names.split(", ");
      for (const name of extensions) await tx.unsafe(`create extension ${name} schema app`);
      const { missing, extra } = compareCatalogs(before, await read(tx));
      expect(missing).toEqual([]);
      expect(extra.filter((line) => !line.startsWith("comment on extension "))).toEqual(
        extensions.map((name) => expect.stringMatching(new RegExp(`^extension ${name} \\S+ in app$`))),
      );
    });
  },
);

it("readCatalog excludes the objects of an extension's table", async () => {
  await rolledBack(async (tx) => {
    await tx.unsafe("create extension hstore schema app; create table app.theirs (a integer)");
    await tx`alter extension hstore add table app.theirs`;
    const before = await read(tx);
    await tx.unsafe("alter table app.theirs add primary key (a), add check (a > 0); create index on app.theirs (a)");
    expect(await read(tx)).toEqual(before);
  });
});

it("readCatalog returns the same lines to a role without privileges", async () => {
  await rolledBack(async (tx) => {
    const before = await read(tx);
    await tx`set local role somebody`;
    expect(await read(tx)).toEqual(before);
  });
});

it.each(["drizzle", "public"])("readCatalog excludes only the migrations table from the schema %s", async (schema) => {
  await rolledBack(async (tx) => {
    const mine = { migrationsTable: { schema, table: "m" } };
    if (schema === "public") expect(await readCatalog(tx as never, mine)).toContain("schema public");
    const before = await readCatalog(tx as never, mine);
    await tx.unsafe(`
      create schema if not exists ${schema};
      set local search_path = ${schema};
      create table m (id serial primary key, hash text not null);
      create index on m (hash);
      comment on table m is 'x';
      create table m_runs (id integer generated always as identity, at timestamptz);
      create function m_record() returns trigger language plpgsql as 'begin return new; end';
      create trigger m_record before insert on m for each row execute function m_record();
      revoke all on m from public;
      grant select on m, m_runs to somebody;
      revoke execute on function m_record from public`);
    expect(await readCatalog(tx as never, mine)).toEqual(before);
    await tx.unsafe("create table other (); create function other() returns integer language sql as 'select 1'");
    expect(compareCatalogs(before, await readCatalog(tx as never, mine)).extra).toHaveLength(2);
    expect((await read(tx, {})).length).toBeGreaterThan(before.length + 2);
  });
});

it("readCatalog lists this project's objects, the same on every connection", async () => {
  const { sql: own, drop } = await createDatabase();
  onTestFinished(drop);
  const lines = await read(own);
  for (const start of [
    'column public.users.email character varying(255) collate "C" not null',
    "constraint users_role_check on public.users CHECK",
    "index public.idx_users_email CREATE UNIQUE INDEX",
    "trigger users_set_updated_at on public.users CREATE TRIGGER",
    "function public.create_audit_log_partitions(integer) CREATE OR REPLACE FUNCTION",
    "table partitions.audit_log_",
    "comment on schema partitions: The months",
    "grants on function public.audit_recorder(regclass): the owner EXECUTE",
  ]) {
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${start.replace(/[()]/g, "\\$&")}`)));
  }
  expect(lines.join()).not.toContain("drizzle");
  expect(lines).toEqual([...lines].sort());
  expect(new Set(lines).size).toBe(lines.length);
  expect(await own.begin((tx) => read(tx))).toEqual(lines);
});

/** A node of `explain (format json)`. Its counts are of one loop. */
interface PlanNode {
  readonly "Actual Loops": number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Pairs of rows that the joins of a plan have compared and rejected. */
const rejectedPairs = (node: PlanNode): number =>
  (node["Rows Removed by Join Filter"] ?? 0) * node["Actual Loops"] +
  (node.Plans ?? []).reduce((sum, part) => sum + rejectedPairs(part), 0);

it.each([0, 200])("readCatalog does not compare each object with each other one, with %i more tables", async (more) => {
  await rolledBack(async (tx) => {
    await tx.unsafe(`do $$ begin for n in 1 .. ${more} loop
      execute format('create table app.many%s (id serial primary key, a text not null check (a <> ''''), b timestamptz default now(), c jsonb, d integer references app.other)', n);
      execute format('create index on app.many%1$s (d); comment on table app.many%1$s is ''x''', n);
    end loop; end $$`);
    const lines = (await read(tx)).length;
    expect(lines).toBeGreaterThan(8 * more);
    const [row] = await tx.unsafe(`explain (analyze, timing off, format json) ${catalogQuery}`);
    expect(rejectedPairs(row?.["QUERY PLAN"][0].Plan)).toBeLessThan(50 * lines);
  });
});
