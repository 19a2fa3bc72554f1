import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { codeOf } from "../../src/database/error-code.ts";
import type { LockMode } from "../../src/migrator/impact/lock-modes.ts";
import { type Effects, MeasurementError, measureEffects } from "../../src/migrator/impact/measurement.ts";
import { readLockSnapshot } from "../../src/migrator/introspection/lock-snapshot.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

/** Objects that exist before every migration. */
const setup = `
  create table users (id int primary key, name varchar(50) not null, age int, email text);
  create index users_age on users (age);
  create table posts (id int primary key, user_id int, body text, constraint posts_user check (user_id is not null));
  create table log (id int, at date not null, note text) partition by range (at);
  create table log_1 partition of log for values from ('2020-01-01') to ('2020-02-01');
  create table log_2 partition of log for values from ('2020-02-01') to ('2020-03-01');
  create table log_3 (id int, at date not null, note text);
  create materialized view ids as select id from users;
  create unique index on ids (id);
  create type mood as enum ('calm');
  create function on_row() returns trigger language plpgsql as 'begin return new; end';
  create procedure backfill() language plpgsql as
    'begin update users set age = 1; commit; perform pg_stat_force_next_flush(); end';`;

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  ({ sql } = database);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await sql.unsafe(`drop schema if exists public, "Shop" cascade; create schema public; ${setup}`);
});

async function effects(statements: readonly string[], { transaction = true } = {}): Promise<Effects[]> {
  return measureEffects(
    sql,
    statements.map((text) => ({ text })),
    { transaction },
  );
}

/** Returns the effects of the last statement. */
async function effectsOf(statements: string | readonly string[], options?: { transaction: boolean }): Promise<Effects> {
  const measured = await effects([statements].flat(), options);
  return measured.at(-1) as Effects;
}

type Lock = readonly [table: string, mode: LockMode, partitions?: number];

function expected({ locks = [], ...rest }: { locks?: readonly Lock[] } & Partial<Omit<Effects, "locks">>): Effects {
  return {
    locks: locks.map(([table, mode, partitions]) => ({ table, mode, ...(partitions && { partitions }) })),
    rewrites: [],
    scans: [],
    drops: [],
    writes: [],
    outsideTransaction: false,
    ...rest,
  };
}

const users = "users";
const all: readonly Lock[] = [[users, "AccessExclusiveLock"]];
const read: readonly Lock[] = [[users, "AccessShareLock"]];
const foreignKey: readonly Lock[] = [
  ["posts", "ShareRowExclusiveLock"],
  [users, "ShareRowExclusiveLock"],
];
const rewrite = { locks: all, rewrites: [users], scans: [users] };
const scan = { locks: all, scans: [users] };
const fk = "alter table posts add constraint posts_fk foreign key (user_id) references users";

describe("one statement", () => {
  it.each<[string | string[], Parameters<typeof expected>[0]]>([
    // Columns
    ["alter table users add column x int default 5", { locks: all }],
    ["alter table users add column x uuid default gen_random_uuid()", rewrite],
    ["alter table users add column x int generated always as (id * 2) stored", rewrite],
    ["alter table users add column x int default 1 check (x > 0)", scan],
    ["alter table users alter column age set not null", scan],
    ["alter table posts alter column user_id set not null", { locks: [["posts", "AccessExclusiveLock"]] }],
    ["alter table users alter column name type varchar(100)", { locks: all }],
    ["alter table users alter column name type varchar(10)", rewrite],
    ["alter table users alter column age type bigint", rewrite],
    ["alter table users rename to accounts", { locks: all }],
    ["alter table users rename column age to years", { locks: all }],
    ["alter table users drop column age", { locks: all, drops: [{ kind: "column", table: users, column: "age" }] }],
    [
      "alter table log drop column note",
      { locks: [["log", "AccessExclusiveLock", 2]], drops: [{ kind: "column", table: "log", column: "note" }] },
    ],

    // Constraints
    ["alter table users add constraint old check (age > 1)", scan],
    ["alter table users add constraint old check (age > 1) not valid", { locks: all }],
    // A lock that is already held is not reported again.
    [
      ["alter table users add constraint old check (age > 1) not valid", "alter table users validate constraint old"],
      { scans: [users] },
    ],
    [fk, { locks: foreignKey, scans: ["posts"] }],
    [`${fk} not valid`, { locks: foreignKey }],
    [[`${fk} not valid`, "alter table posts validate constraint posts_fk"], { scans: ["posts"] }],
    ["alter table log_3 add primary key (id)", { locks: [["log_3", "AccessExclusiveLock"]], scans: ["log_3"] }],
    ["alter table users add unique (email)", scan],
    [
      ["create unique index u on users (email)", "alter table users add constraint u unique using index u"],
      { locks: all },
    ],
    ["create table n (id int references users)", { locks: [[users, "ShareRowExclusiveLock"]] }],

    // Indexes
    ["create index on users (email)", { locks: [[users, "ShareLock"]], scans: [users] }],
    ["create index on log (note)", { locks: [["log", "ShareLock", 2]], scans: ["log"] }],
    ["drop index users_age", { locks: all }],
    ["reindex index users_age", scan],
    ["alter index users_age rename to users_years", {}],
    ["cluster users using users_pkey", rewrite],

    // Whole tables
    ["drop table posts", { locks: [["posts", "AccessExclusiveLock"]], drops: [{ kind: "table", table: "posts" }] }],
    ["drop table log", { locks: [["log", "AccessExclusiveLock", 2]], drops: [{ kind: "table", table: "log" }] }],
    ["drop table log_1", { locks: [["log", "AccessExclusiveLock", 1]], drops: [{ kind: "table", table: "log_1" }] }],
    ["truncate users", { locks: all, writes: [{ table: users, kind: "truncate" }] }],
    ["truncate log", { locks: [["log", "AccessExclusiveLock", 2]], writes: [{ table: "log", kind: "truncate" }] }],
    ["truncate log_1", { locks: [["log_1", "AccessExclusiveLock"]], writes: [{ table: "log_1", kind: "truncate" }] }],
    ["create table n as select * from users", { locks: read, scans: [users] }],
    ["create view v as select * from users", { locks: read }],
    [
      "refresh materialized view ids",
      {
        locks: [["ids", "AccessExclusiveLock"], ...read],
        rewrites: ["ids"],
        scans: ["ids", users],
      },
    ],
    [
      "drop materialized view ids",
      { locks: [["ids", "AccessExclusiveLock"]], drops: [{ kind: "materialized view", table: "ids" }] },
    ],

    // Partitions
    [
      "alter table log attach partition log_3 for values from ('2020-03-01') to ('2020-04-01')",
      {
        locks: [
          ["log_3", "AccessExclusiveLock"],
          ["log", "ShareUpdateExclusiveLock"],
        ],
        scans: ["log_3"],
      },
    ],
    ["alter table log detach partition log_1", { locks: [["log", "AccessExclusiveLock", 1]] }],
    [
      "create table log_4 partition of log for values from ('2020-04-01') to ('2020-05-01')",
      { locks: [["log", "AccessExclusiveLock"]] },
    ],

    // Others
    [
      "create trigger t before insert on users for each row execute function on_row()",
      {
        locks: [[users, "ShareRowExclusiveLock"]],
      },
    ],
    ["comment on table users is 'x'", { locks: [[users, "ShareUpdateExclusiveLock"]] }],
    ["create policy p on users using (true)", { locks: all }],
    ["alter type mood add value 'glad'", {}],
    ["-- nothing", {}],
  ])("%s", async (statements, effect) => {
    expect(await effectsOf(statements)).toEqual(expected(effect));
  });

  it("grant locks no more than a reader does", async () => {
    // PostgreSQL 18 acquires that lock; PostgreSQL 15 acquires none.
    expect([expected({}), expected({ locks: read })]).toContainEqual(
      await effectsOf("grant select on users to public"),
    );
  });
});

describe("rows", () => {
  const writes = (kind: Effects["writes"][number]["kind"], table = users) => [{ table, kind }];
  const write: readonly Lock[] = [[users, "RowExclusiveLock"]];

  it.each<[string | string[], Parameters<typeof expected>[0]]>([
    ["update users set age = 1", { locks: write, scans: [users], writes: writes("update") }],
    ["update users set age = 1 where id = 1", { locks: write, writes: writes("update") }],
    ["delete from users", { locks: write, scans: [users], writes: writes("delete") }],
    [
      "insert into posts select id, id from users",
      { locks: [["posts", "RowExclusiveLock"], ...read], scans: [users], writes: writes("insert", "posts") },
    ],
    [
      "update log set note = ''",
      { locks: [["log", "RowExclusiveLock", 2]], scans: ["log"], writes: writes("update", "log") },
    ],
    [
      "update log set note = '' where at = '2020-01-05'",
      { locks: [["log", "RowExclusiveLock", 1]], scans: ["log_1"], writes: writes("update", "log") },
    ],
    // A second time, when no lock is new.
    [["update users set age = 1", "update users set age = 2"], { scans: [users], writes: writes("update") }],
    // Where triggers are off.
    [
      ["alter table users disable trigger all", "update users set age = 1"],
      { scans: [users], writes: writes("update") },
    ],
    [
      ["set local session_replication_role = replica", "update users set age = 1"],
      { locks: write, scans: [users], writes: writes("update") },
    ],
    [
      `do $$ begin
        alter table users add column x int;
        truncate posts;
        update log set note = '';
      end $$`,
      {
        locks: [
          ["posts", "AccessExclusiveLock"],
          [users, "AccessExclusiveLock"],
          ["log", "RowExclusiveLock", 2],
        ],
        scans: ["log"],
        writes: [...writes("update", "log"), ...writes("truncate", "posts")],
      },
    ],
  ])("%s", async (statements, effect) => {
    expect(await effectsOf(statements)).toEqual(expected(effect));
  });

  it("measureEffects shows the scan of a referenced table when each table has one row", async () => {
    expect((await effectsOf(`${fk} not valid`)).scans).toEqual([]);
    await sql`insert into users (id, name) values (1, 'a')`;
    await sql`insert into posts values (1, 1)`;
    expect((await effectsOf("alter table posts validate constraint posts_fk")).scans).toEqual(["posts", users]);
  });

  it("measureEffects reports the same effects for tables with rows", async () => {
    await sql`insert into users (id, name) select n, n from generate_series(1, 5) n`;
    expect(await effectsOf("update users set age = 1")).toEqual(
      expected({ locks: write, scans: [users], writes: writes("update") }),
    );
    expect(await sql`select count(*)::int from users where age = 1`).toEqual([{ count: 5 }]);
  });
});

describe("outside a transaction", () => {
  const bare = { outsideTransaction: true };

  it.each<[string, Parameters<typeof expected>[0]]>([
    ["create index concurrently on users (email)", { ...bare, scans: [users] }],
    ["drop index concurrently users_age", bare],
    ["vacuum users", bare],
    ["vacuum full users", { ...bare, rewrites: [users], scans: [users] }],
    ["alter table log detach partition log_1 concurrently", bare],
    ["call backfill()", { ...bare, scans: [users], writes: [{ table: users, kind: "update" }] }],
    ["alter type mood add value 'glad'", {}],
    ["alter table users add column x int", { locks: all }],
  ])("%s", async (statement, effect) => {
    expect(await effectsOf(statement, { transaction: false })).toEqual(expected(effect));
  });

  it("measureEffects reports the locks of every statement, and no effects on tables of the migration itself", async () => {
    const statements = ["alter table users add column x int", "create table n (id int)", "drop table n"];
    const measured = await effects([...statements, "drop table users cascade"], { transaction: false });
    expect(measured.map(({ locks }) => locks)).toEqual([expected({ locks: all }).locks, [], [], expect.any(Array)]);
    expect(measured[2]).toEqual(expected({}));
    expect(measured[3]?.locks).toContainEqual({ table: users, mode: "AccessExclusiveLock" });
  });

  it("measureEffects fails a statement that cannot run in the transaction of its migration", async () => {
    const failure = await effectsOf("vacuum users").catch((error) => error);
    expect(failure).toBeInstanceOf(MeasurementError);
    expect(codeOf(failure)).toBe("25001");
  });
});

describe("a migration", () => {
  it("measureEffects reports the names from before the migration after renames", async () => {
    const measured = await effects([
      "alter table users rename to accounts",
      "alter table accounts rename column age to years",
      "update accounts set years = 1",
      "alter table accounts drop column years",
      "drop table accounts cascade",
    ]);
    expect(measured[2]?.writes).toEqual([{ table: users, kind: "update" }]);
    expect(measured[3]?.drops).toEqual([{ kind: "column", table: users, column: "age" }]);
    expect(measured[4]?.drops).toEqual([
      { kind: "materialized view", table: "ids" },
      { kind: "table", table: users },
    ]);
  });

  it("measureEffects reports names quoted for SQL", async () => {
    await sql.unsafe(`create schema "Shop"; create table "Shop"."Order" ("When" date, id int)`);
    expect(await effectsOf(`alter table "Shop"."Order" drop column "When"`)).toEqual(
      expected({
        locks: [['"Shop"."Order"', "AccessExclusiveLock"]],
        drops: [{ kind: "column", table: '"Shop"."Order"', column: '"When"' }],
      }),
    );
  });

  it("measureEffects reports partitions under the highest table whose partitions all have the effect", async () => {
    await sql.unsafe(`
      create table tree (id int, n int) partition by range (id);
      create table tree_1 partition of tree for values from (0) to (10) partition by range (id);
      create table tree_1_1 partition of tree_1 for values from (0) to (5);
      create table tree_1_2 partition of tree_1 for values from (5) to (10);
      create table tree_2 partition of tree for values from (10) to (20)`);
    const measured = await effects([
      "select from tree where id < 10",
      "lock only tree",
      "alter table tree alter n type bigint",
    ]);
    expect(measured[0]?.scans).toEqual(["tree_1"]);
    expect(measured.map(({ locks }) => locks)).toEqual([
      [{ table: "tree", mode: "AccessShareLock", partitions: 3 }],
      [{ table: "tree", mode: "AccessExclusiveLock" }],
      [
        { table: "tree_1", mode: "AccessExclusiveLock", partitions: 2 },
        { table: "tree_2", mode: "AccessExclusiveLock" },
      ],
    ]);
    expect(measured[2]).toMatchObject({ rewrites: ["tree"], scans: ["tree"] });
  });

  it("measureEffects reports a stronger lock, and no weaker one", async () => {
    const measured = await effects(["select from users", "lock users", "lock users in share mode"]);
    expect(measured.map(({ locks }) => locks[0]?.mode)).toEqual(["AccessShareLock", "AccessExclusiveLock", undefined]);
    expect(await effectsOf(["lock users in share mode", "savepoint s", "lock users", "rollback to s"])).toEqual(
      expected({}),
    );
  });

  it("measureEffects reports a partition separately when its lock differs from that of its table", async () => {
    const statement = "do $$ begin lock only log; lock log_1 in share mode; end $$";
    const locks: Lock[] = [
      ["log", "AccessExclusiveLock"],
      ["log_1", "ShareLock"],
    ];
    expect(await effectsOf(statement)).toEqual(expected({ locks }));
  });

  it("measureEffects reports each effect once, with its own statement", async () => {
    const statements = [
      "update users set age = 1",
      "alter table users drop column age",
      "drop table posts",
      "select 1",
    ];
    for (const transaction of [true, false]) {
      await sql.unsafe(`drop schema public cascade; create schema public; ${setup}`);
      const measured = await effects(statements, { transaction });
      expect(measured.map(({ writes, drops, scans }) => [writes.length, drops.length, scans.length])).toEqual([
        [1, 0, 1],
        [0, 1, 0],
        [0, 1, 0],
        [0, 0, 0],
      ]);
    }
  });

  it("measureEffects reports the locks of its own session only", async () => {
    await sql.begin(async (other) => {
      await other`lock posts`;
      const [posts] = await other`select 'posts'::regclass::oid::text as oid`;
      expect((await readLockSnapshot(other as never)).locks.get(posts?.["oid"])).toEqual(["AccessExclusiveLock"]);
      expect((await readLockSnapshot(sql)).locks.get(posts?.["oid"])).toBeUndefined();
    });
  });

  it("measureEffects does not report tables and columns that the migration creates", async () => {
    const measured = await effects([
      "create table n (id int)",
      "insert into n values (1)",
      "create index on n (id)",
      "drop table n",
    ]);
    expect(measured).toEqual(measured.map(() => expected({})));
    const [, dropped] = await effects(["alter table users add column x int", "alter table users drop column x"]);
    expect(dropped).toEqual(expected({}));
  });

  it("commits the migration and leaves no triggers behind", async () => {
    await effects(["alter table users add column x int"]);
    await effects(["alter table users add column y int"]);
    expect(await sql`select x, y from users`).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  it("measureEffects accepts a first statement that sets the isolation level", async () => {
    expect(await effects(["set transaction isolation level serializable", "select 1"])).toHaveLength(2);
  });

  it("measureEffects accepts a migration that ends in a role without privileges", async () => {
    const notices: unknown[] = [];
    const other = postgres(database.url, { max: 1, onnotice: (notice) => notices.push(notice) });
    onTestFinished(() => other.end());
    await measureEffects(other, [{ text: "set role pg_read_all_data" }], { transaction: true });
    expect(await other`select current_user as role`).toEqual([{ role: "pg_read_all_data" }]);
    expect(await leftovers()).toEqual([]);
    expect(notices).toEqual([]);
  });

  it.each([
    ["fails", "alter table nowhere add column x int", "42P01"],
    ["ends the transaction", "commit", undefined],
  ])("throws the index of a statement that %s", async (_, statement, code) => {
    const failure = await effects(["create table n ()", statement, "select 2"]).catch((error) => error);
    expect(failure).toBeInstanceOf(MeasurementError);
    expect(failure).toMatchObject({ index: 1, message: failure.cause.message });
    expect(codeOf(failure)).toBe(code);
    expect(await leftovers()).toEqual([]);
    // The connection remains usable.
    await sql`drop table if exists n`;
    expect(await effects(["create table n ()"])).toEqual([expected({})]);
  });

  it("throws the number of statements when the commit fails", async () => {
    const deferred = "create table n (id int references users deferrable initially deferred)";
    await expect(effects([deferred, "insert into n values (1)"])).rejects.toMatchObject({ index: 2 });
    expect(await sql`select to_regclass('n') as n`).toEqual([{ n: null }]);
  });
});

async function leftovers() {
  return sql`
    select tgname as name from pg_trigger where not tgisinternal
    union all select nspname from pg_namespace where nspname like 'measured%'`;
}

it("measureEffects reports that create_audit_log_partitions blocks all access to the audit log", async () => {
  const ours = await createDatabase();
  try {
    const [made] = await measureEffects(ours.sql, [{ text: "select create_audit_log_partitions(5)" }], {
      transaction: true,
    });
    expect(made?.locks).toMatchObject([
      { table: "audit_log", mode: "AccessExclusiveLock" },
      { table: users, mode: "AccessExclusiveLock" },
    ]);
  } finally {
    await ours.drop();
  }
});
