import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { driver, prepared } from "../support/driver.ts";
import { eventually } from "../support/eventually.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";
import { wireTo } from "../support/proxy.ts";

// Each answer reaches its own query; `patches/README.md` says which fault of postgres.js each test covers.

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
});
beforeEach(async () => {
  await database.sql`drop table if exists things, written`;
  await database.sql`create table things (id int primary key, a varchar(10), flag boolean, data jsonb)`;
  await database.sql`insert into things select i, 'a' || i from generate_series(1, 50) i`;
  await database.sql`create table written (n int)`;
});
afterAll(() => database.drop());

const ids = Array.from({ length: 30 }, (_, index) => index + 1);
const writtenCount = async () => (await database.sql`select count(*)::int as n from written`)[0]?.["n"];
const idle = () =>
  database.sql`select state from pg_stat_activity where application_name = 'victim' and datname = current_database()`;

/** The driver's types leave it out. */
const unpipelined: object = { max_pipeline: 0 };

describe("a prepared query whose plan is lost while others are on their way", () => {
  const changes: Record<string, string> = {
    "its column got another length": "alter table things alter column a type varchar(20)",
    "its column got another type": "alter table things alter column a type text",
    "its parameter got another type": "alter table things alter column id type text",
    "its table was made anew":
      "alter table things rename to old; create table things as select id, a, flag, data from old; drop table old",
  };

  it.each(Object.keys(changes))("queries in a pipeline get their own rows when a plan is lost: %s", async (kind) => {
    const sql = driver(database.directUrl);
    const byId = (id: number) => prepared(sql, "select id::text, a from things where id = $1", [id]);
    const byName = (id: number) => prepared(sql, "select a, id::text from things where a = $1", [`a${id}`]);
    const other = (id: number) => prepared(sql, "select $1::int as id", [id]);
    await Promise.all([byId(1), byName(1), other(1)]);
    await database.sql.unsafe(changes[kind] ?? "").simple();
    const answers = await Promise.all(
      ids.flatMap((id) => [byId(id), other(id), byName(id), sql`select ${id}::int as id`]),
    );
    const expected = ids.flatMap((id) => {
      const row = { id: `${id}`, a: `a${id}` };
      return [[row], [{ id }], [row], [{ id }]];
    });
    expect(answers).toEqual(expected);
    expect(await byId(7)).toEqual([{ id: "7", a: "a7" }]);
  });

  it("a prepared query gets its own row after DEALLOCATE ALL and DISCARD ALL on its connection", async () => {
    const sql = driver(database.directUrl);
    const byId = (id: number) => prepared(sql, "select id, a from things where id = $1", [id]);
    for (const command of ["deallocate all", "discard all"]) {
      await byId(1);
      const answers = await Promise.all([sql.unsafe(command), ...ids.map(byId)]);
      expect(answers.slice(1)).toEqual(ids.map((id) => [{ id, a: `a${id}` }]));
    }
  });

  it("a query that is repeated because its plan was lost converts each value once", async () => {
    const sql = driver(database.directUrl);
    const write = (id: number) =>
      prepared(sql, "update things set flag = $2, data = $3 where id = $1 returning *", [id, true, { id }]);
    await write(1);
    await database.sql`alter table things alter column a type varchar(30)`;
    await Promise.all(ids.map(write));
    expect(await database.sql`select id, flag, data from things where id <= 30 order by id`).toEqual(
      ids.map((id) => ({ id, flag: true, data: { id } })),
    );
  });

  it("a query is not repeated in a transaction that begins behind it, so a rollback does not undo its write", async () => {
    for (const max of [1, 2]) {
      const sql = driver(database.directUrl, { max });
      const insert = (n: number) => prepared(sql, "insert into written (n) values ($1) returning *", [n]);
      await Promise.all(ids.map(insert));
      await database.sql.unsafe(`alter table written alter column n type ${max === 1 ? "bigint" : "int"}`);
      const inserts = ids.slice(0, 10).map((n) => insert(n).execute());
      const rolledBack = sql.begin(async (tx) => {
        await tx`insert into written values (1000)`;
        throw new Error("rolled back");
      });
      await expect(rolledBack).rejects.toThrow("rolled back");
      await Promise.all(inserts);
      expect(await writtenCount()).toBe(40);
      await database.sql`truncate written`;
    }
  });

  it("a query is not repeated in a transaction: the error says that its plan was lost, and a new transaction succeeds", async () => {
    const sql = driver(database.directUrl);
    const byId = (tx: Pick<typeof sql, "unsafe">) => prepared(tx, "select id, a from things where id = $1", [1]);
    await byId(sql);
    await database.sql`alter table things alter column a type varchar(50)`;
    await expect(sql.begin((tx) => byId(tx))).rejects.toMatchObject({ code: "0A000", plan_lost: true });
    expect(await sql.begin((tx) => byId(tx))).toEqual([{ id: 1, a: "a1" }]);
  });
});

it("rows that came before an error are not counted to the next query's", async () => {
  const sql = driver(database.directUrl);
  const failing = sql`select repeat('x', 2000), 1 / (n - 500) from generate_series(1, 1000) as n`;
  await expect(failing).rejects.toMatchObject({ code: "22012" });
  expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
});

it("a query that cannot be sent fails alone, and takes no other query's answer", async () => {
  const sql = driver(database.directUrl);
  const one = (n: number) => prepared(sql, "select $1::int as n", [n]);
  const unsendable = { toString: () => Promise.reject as never };
  await one(1);
  const answers = await Promise.allSettled([
    one(1),
    prepared(sql, "select $1::int as n", [unsendable]),
    one(2),
    one(3),
  ]);
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "failed"))).toEqual([
    [{ n: 1 }],
    "failed",
    [{ n: 2 }],
    [{ n: 3 }],
  ]);
  await expect(sql.begin((tx) => tx.unsafe("select $1", [undefined as never]))).rejects.toThrow("UNDEFINED_VALUE");
  expect(await one(4)).toEqual([{ n: 4 }]);
});

it.skipIf(!hasPgBouncer)(
  "without pipelining, no query is sent before an earlier one that cannot be sent has failed",
  async () => {
    const sql = driver(await pgBouncer(database.directUrl, { poolSize: 2 }), {
      max: 4,
      prepare: false,
      ...unpipelined,
    });
    const unsendable = () => sql.unsafe("select $1::text", [undefined as never]);
    const queries = ids.flatMap((n) => [unsendable(), sql`select ${n}::int as n`, sql`select ${n}::int as n`]);
    const answers = await Promise.allSettled(queries);
    expect(answers.flatMap((answer) => (answer.status === "fulfilled" ? [...answer.value] : []))).toEqual(
      ids.flatMap((n) => [{ n }, { n }]),
    );
  },
);

describe("a query that is cancelled", () => {
  it("cancelling a query that waits behind another one does not affect the answers of the others", async () => {
    const sql = driver(database.directUrl);
    await sql`select 1`;
    const running = sql`select 'slept' as it from pg_sleep(0.2)`.execute();
    const waiting = sql`select 'cancelled' as it from pg_sleep(5)`.execute();
    const behind = ids.map((n) => sql`select ${n}::int as n`.execute());
    await eventually(async () => expect((await idle())[0]?.["state"]).toBe("active"));
    waiting.cancel();
    await expect(waiting).rejects.toMatchObject({ code: "57014" });
    expect(await running).toEqual([{ it: "slept" }]);
    expect(await Promise.all(behind)).toEqual(ids.map((n) => [{ n }]));
  });

  it("a query that is cancelled before it is sent uses no connection, neither an open one nor the first one", async () => {
    for (const opened of [false, true]) {
      const sql = driver(database.directUrl);
      if (opened) await sql`select 1`;
      const cancelled = sql`select 1 as one`.execute();
      if (!opened) await new Promise(setImmediate);
      cancelled.cancel();
      await expect(cancelled).rejects.toMatchObject({ code: "57014" });
      expect(await sql`select 2 as two`).toEqual([{ two: 2 }]);
    }
  });
});

describe("BEGIN", () => {
  it("BEGIN reserves its connection with any number of queries in the pipeline: no acknowledged write is lost", async () => {
    const sql = driver(database.directUrl, { max: 2 });
    const read = () => prepared(sql, "select $1::int", [1]).execute();
    await Promise.all(Array.from({ length: 50 }, read));
    // The pipelines of two connections are full at 100 and 101 queries each.
    for (const count of [0, 1, 99, 100, 101, 199, 200, 201, 202, 302]) {
      const reads = Array.from({ length: count }, read);
      const begun = sql.begin((tx) => tx`select 1 as one`);
      expect(await begun).toEqual([{ one: 1 }]);
      await Promise.all([...reads, ...Array.from({ length: 4 }, () => sql`insert into written values (1)`)]);
    }
    await sql.end();
    expect(await writtenCount()).toBe(40);
  });

  it.each(["begin", "start transaction"])(
    "a transaction by %s on a shared connection is refused, and writes nothing",
    async (begin) => {
      const sql = driver(database.directUrl, { max: 2 });
      await expect(sql.unsafe(begin)).rejects.toMatchObject({ code: "UNSAFE_TRANSACTION" });
      for (let n = 0; n < 4; n++) await sql`insert into written values (1)`;
      await sql.end();
      expect(await writtenCount()).toBe(4);
    },
  );
});

it("reserve() resolves with a connection that is opened for it", async () => {
  const sql = driver(database.directUrl);
  const reserved = await sql.reserve();
  expect(await reserved`select 1 as one`).toEqual([{ one: 1 }]);
  reserved.release();
});

it("a connection without an answer is closed after answer_timeout, and its queries fail as unavailable", async () => {
  const wire = await wireTo(database.directUrl);
  const sql = driver(wire.url, { max: 2, answer_timeout: 0.3, connect_timeout: 0.3 });
  await Promise.all([sql`select 1`, sql`select 2`]);
  // A connection that has nothing to answer is not silent, and neither is a transaction that waits for its client.
  await sql.begin(async (tx) => {
    await tx`select 1`;
    await new Promise((resolve) => setTimeout(resolve, 500));
    await tx`insert into written values (1)`;
  });
  wire.silence();
  const asked = Array.from({ length: 6 }, (_, n) => sql`select ${n}::int as n`);
  const failures = await Promise.allSettled(asked);
  const codes = failures.map((failure) => failure.status === "rejected" && failure.reason.code);
  expect(new Set(codes)).toEqual(new Set(["ANSWER_TIMEOUT", "CONNECT_TIMEOUT"]));
  wire.speak();
  expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
  expect(await writtenCount()).toBe(1);
});

it("connections to a read-only server are closed, and the next ones write", async () => {
  const name = database.sql(new URL(database.directUrl).pathname.slice(1));
  await database.sql`alter database ${name} set default_transaction_read_only = on`;
  const sql = driver(database.directUrl, { max: 3 });
  const insert = () => sql`insert into written values (1)`;
  await Promise.all([sql`select 1`, sql`select 1`, sql`select 1`]);
  await database.sql`alter database ${name} reset default_transaction_read_only`;
  await expect(insert()).rejects.toMatchObject({ code: "25006" });
  await Promise.all([insert(), insert(), insert()]);
  expect(await writtenCount()).toBe(3);
});
