import { randomUUID } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { BulkReport } from "../../src/bulk/report.ts";
import { systemActor } from "../../src/database/actor.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { createThings, type ThingRepository, testActor, thingsOn } from "../support/things.ts";

let database: TestDatabase;
let repository: ThingRepository;

beforeAll(async () => {
  database = await createDatabase();
  await createThings(database.sql);
});
beforeEach(async () => {
  await database.sql.unsafe(
    "set lock_timeout = '10s'; alter table things disable trigger user; truncate things; alter table things enable trigger user",
  );
  repository = thingsOn((await openPool(database.url)).db);
});
afterAll(() => database.drop());

const named = (count: number, prefix = "thing") => Array.from({ length: count }, (_, n) => ({ name: `${prefix}${n}` }));

async function* streamed<Row>(rows: Iterable<Row>): AsyncGenerator<Row> {
  yield* rows;
}

/** The stored things, by name. */
async function rows(): Promise<[string, number, string | null][]> {
  const found = await database.sql`select name, level, note from things order by name`;
  return found.map((row) => [row["name"], row["level"], row["note"]]);
}

async function idsOf(count: number): Promise<string[]> {
  await database.sql`insert into things (name) select 'thing' || n from generate_series(0, ${count - 1}) n`;
  const found = await database.sql`select id from things order by substr(name, 6)::int`;
  return found.map((row) => row["id"] as string);
}

/** Runs a statement in another transaction, which stays open until the test ends. */
async function holding(statement: string) {
  const other = await database.sql.reserve();
  onTestFinished(async () => {
    await other`rollback`;
    other.release();
  });
  await other`begin`;
  await other.unsafe(statement);
  return other;
}

/** The one session that waits for a row. Throws if there is none, or more. */
async function waiter(): Promise<number> {
  const waiters = await rowWaiters(database.sql);
  expect(waiters).toHaveLength(1);
  return waiters[0] as number;
}

async function recordedBy(actor: string): Promise<[string, number, number][]> {
  const found = await database.sql`
    select action, count(*)::int as rows, count(distinct resource_id)::int as things from audit_log
    where actor = ${actor} group by 1 order by 1`;
  return found.map((row) => [row["action"], row["rows"], row["things"]]);
}

describe("many rows", () => {
  const sizes = [0, 1, 999, 1000, 1001, 5000];

  it.each(sizes)(
    "inserts, updates, soft-deletes and deletes %i rows, and records each change once with its actor",
    async (size) => {
      const pool = await openPool(database.url);
      const many = thingsOn(pool.db);
      const by = systemActor(`size ${size}`);
      const before = pool.report().queries;
      expect(await many.createMany(by, named(size))).toEqual({ written: size, refused: [] });
      const found = await database.sql`select id from things`;
      const ids = found.map((row) => row["id"] as string);
      expect(ids).toHaveLength(size);
      expect(
        await many.updateMany(
          by,
          ids.map((id, n) => ({ id, change: { level: n % 99 } })),
        ),
      ).toEqual({ written: size, refused: [] });
      expect(await many.softDeleteMany(by, ids)).toEqual({ written: size, refused: [] });
      expect(await many.hardDeleteMany(by, streamed(ids))).toEqual({ written: size, refused: [] });
      // Four statements for each thousand rows, and none for the audit trail.
      expect(pool.report().queries - before).toBe(4 * Math.ceil(size / 1000));
      // An update to the value that the row already has, level 1, is not recorded.
      const same = ids.filter((_, n) => n % 99 === 1).length;
      expect(await recordedBy(by.name)).toEqual(
        size === 0
          ? []
          : [
              ["delete", size, size],
              ["insert", size, size],
              ["update", size - same + size, size],
            ],
      );
      expect(await rows()).toEqual([]);
    },
  );

  it("memory use does not grow with the number of rows of a stream", { timeout: 60_000 }, async () => {
    await database.sql`alter table things disable trigger user`;
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heap: number[] = [];
    function* many() {
      for (let n = 0; n < 100_000; n++) {
        if (n % 25_000 === 12_500) {
          collect();
          heap.push(process.memoryUsage().heapUsed);
        }
        yield { name: `thing${n}`, note: "as long as a note is".repeat(5) };
      }
    }
    expect((await repository.createMany(testActor, streamed(many()))).written).toBe(100_000);
    await database.sql`alter table things enable trigger user`;
    // 75,000 more rows in memory would be about 30 MB.
    expect(Math.max(...heap) - (heap[0] ?? 0)).toBeLessThan(15_000_000);
  });

  it("a bulk write rolls back all rows if the caller's stream fails", async () => {
    async function* broken() {
      yield* named(1500);
      throw new Error("the file ends here");
    }
    await expect(repository.createMany(testActor, broken())).rejects.toThrow("the file ends here");
    expect(await rows()).toEqual([]);
    await expect(repository.createMany(testActor, broken(), { atomic: false })).rejects.toThrow("the file ends here");
    expect(await rows()).toHaveLength(1000);
  });

  it("a bulk write reports the committed rows if the database becomes unavailable, and rejects the rest for a retry", async () => {
    const all = named(3_000);
    const other = await holding(`insert into things (name) values ('thing2500')`);
    const leave = async (writing: Promise<unknown>) => {
      const pid = await eventually(waiter);
      await database.sql`select pg_terminate_backend(${pid})`;
      return writing;
    };
    const report = (await leave(repository.createMany(testActor, all, { atomic: false }))) as BulkReport;
    const missing = report.refused.map(({ index }) => all[index] as { name: string });
    expect(report.written).toBe(2_000);
    expect(new Set(report.refused.map(({ code }) => code))).toEqual(new Set(["SERVICE_UNAVAILABLE"]));
    expect(missing).toEqual(all.slice(2_000));
    expect(await rows()).toHaveLength(2_000);

    // An atomic write has nothing to report, and the length of a stream is unknown.
    const [atomic, stream] = [named(3_000, "atomic"), named(3_000, "stream")];
    for (const { name } of [atomic[2_500], stream[2_500]] as { name: string }[])
      await other`insert into things (name) values (${name})`;
    await expect(leave(repository.createMany(testActor, atomic))).rejects.toThrow();
    await expect(leave(repository.createMany(testActor, streamed(stream), { atomic: false }))).rejects.toThrow();
    await other`rollback`;
    expect(await repository.createMany(testActor, missing, { atomic: false })).toEqual({ written: 1_000, refused: [] });
    expect(await rows()).toHaveLength(5_000);
  });

  it("a bulk write reports rejected rows that were found before the database became unavailable", async () => {
    const ids = await idsOf(400);
    const other = await holding(`select from things where name = 'thing399' for update`);
    const changes = ids.map((id, n) => ({ id, change: n === 300 ? { name: "THING7" } : { level: 2 } }));
    // A malformed id, which also makes the query for conflicts fail.
    changes[301] = { id: "none", change: { name: "thing301b" } };
    const report = await repository.updateMany(testActor, changes, { atomic: false });
    await other`rollback`;
    const done = (await rows()).filter(([, level]) => level === 2).length;
    expect(report.written).toBe(done);
    expect(report.written + report.refused.length).toBe(400);
    expect(report.written).toBeGreaterThan(290);
    expect(report.refused.slice(0, 2)).toMatchObject([
      { index: 300, code: "CONFLICT", field: "name" },
      { index: 301, code: "BAD_REQUEST" },
    ]);
    expect(report.refused.at(-1)).toMatchObject({ index: 399, code: "SERVICE_UNAVAILABLE" });
  });

  it("a bulk write joins the caller's transaction, and rolls back with it or to a savepoint", async () => {
    const { db } = await openPool(database.url);
    await db.transaction(async (tx) => {
      const inside = thingsOn(db).withTransaction(tx);
      await inside.createMany(testActor, named(2));
      const { refused } = await inside.createMany(testActor, [{ name: "other" }, { name: "thing0" }]);
      expect(refused).toHaveLength(1);
      expect(
        (await inside.createMany(testActor, [{ name: "third" }, { name: "THING1" }], { atomic: false })).written,
      ).toBe(1);
    });
    expect((await rows()).map(([name]) => name)).toEqual(["thing0", "thing1", "third"]);
    const undone = db.transaction(async (tx) => {
      await thingsOn(db).withTransaction(tx).createMany(testActor, named(1, "late"), { atomic: false });
      throw new Error("changed my mind");
    });
    await expect(undone).rejects.toThrow("changed my mind");
    expect(await rows()).toHaveLength(3);
  });
});

describe("createMany", () => {
  const bad = [
    { name: "fine" },
    { name: "there" },
    { name: "twice" },
    { name: "TWICE" },
    { name: "too high", level: 100 },
    { name: "x".repeat(51) },
    { name: "nul\0" },
    { name: "half \ud800" },
    { name: null as never },
    { name: "no time", at: new Date(Number.NaN) },
    { name: "no number", level: Number.NaN },
    { name: "fine, too", level: 2 },
  ];
  const reasons = [
    [1, "CONFLICT", "name", "This name is taken."],
    [3, "CONFLICT", "name", "This name is taken."],
    [4, "BAD_REQUEST", null, "A value violates a rule of the table."],
    [5, "BAD_REQUEST", null, "A value has the wrong form, or is too long."],
    [6, "BAD_REQUEST", null, "A value has the wrong form, or is too long."],
    [7, "BAD_REQUEST", null, "A value has the wrong form, or is too long."],
    [8, "BAD_REQUEST", null, "A required value is missing."],
    [9, "BAD_REQUEST", "at", "at: is no time."],
    [10, "BAD_REQUEST", "level", "level: is no number."],
  ].map(([index, code, field, message]) => ({ index, code, field, message }));

  it.each([false, true])("createMany reports every invalid row (atomic: %s)", async (atomic) => {
    const by = systemActor(`bad ${atomic}`);
    await database.sql`insert into things (name) values ('There')`;
    const report = await repository.createMany(by, bad, { atomic });
    expect(report).toEqual({ written: atomic ? 0 : 3, refused: reasons });
    expect((await rows()).map(([name]) => name)).toEqual(atomic ? ["There"] : ["There", "fine", "fine, too", "twice"]);
    expect(await recordedBy(by.name)).toEqual(atomic ? [] : [["insert", 3, 3]]);
  });

  it("createMany finds the few invalid rows among thousands for every kind of violation", async () => {
    const many = named(3000).map((row, n) =>
      n % 700 === 650 ? { ...row, level: -1 } : n === 2999 ? { name: "thing1" } : row,
    );
    const { written, refused } = await repository.createMany(testActor, many, { atomic: false });
    expect(refused.map(({ index, code }) => [index, code])).toEqual([
      ...[650, 1350, 2050, 2750].map((index) => [index, "BAD_REQUEST"]),
      [2999, "CONFLICT"],
    ]);
    expect([written, (await rows()).length]).toEqual([2995, 2995]);
  });

  it("createMany records the author of batches with conflicts, and of those without and in between", async () => {
    await database.sql`insert into things (name) values ('thing5'), ('thing1005'), ('thing3005')`;
    const by = systemActor("some conflicts");
    const { written, refused } = await repository.createMany(by, named(4_000), { atomic: false });
    expect(refused.map(({ index, code }) => [index, code])).toEqual(
      [5, 1005, 3005].map((index) => [index, "CONFLICT"]),
    );
    expect(written).toBe(3_997);
    expect(await recordedBy(by.name)).toEqual([["insert", 3_997, 3_997]]);
  });

  it("createMany reports the row that is not stored, of two with the same id", async () => {
    await database.sql`insert into things (name) values ('a')`;
    const id = randomUUID();
    const given = [{ id, name: "a" }, { id: id.toUpperCase(), name: "free" }, { name: "other" }];
    const { written, refused } = await repository.createMany(testActor, given, { atomic: false });
    expect([written, refused]).toMatchObject([2, [{ index: 0, code: "CONFLICT", field: "name" }]]);
    expect((await rows()).map(([name]) => name)).toEqual(["a", "free", "other"]);
  });

  it("createMany generates an id that is undefined", async () => {
    await database.sql`insert into things (name) values ('taken')`;
    const given = ["a", "taken", "b"].map((name) => ({ id: undefined as never, name }));
    expect(await repository.createMany(testActor, given, { atomic: false })).toMatchObject({
      written: 2,
      refused: [{ index: 1, field: "name" }],
    });
  });

  it("createMany that inserts nothing leaves the author of the caller's transaction", async () => {
    await database.sql`insert into things (name) values ('taken')`;
    const { db } = await openPool(database.url);
    await db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('audit.context', '{"actor": "outer"}', true)`);
      await thingsOn(tx).createMany(systemActor("inner"), [{ name: "taken" }], { atomic: false });
      await tx.execute(sql`update things set level = 7`);
    });
    expect([await recordedBy("outer"), await recordedBy("system:inner")]).toEqual([[["update", 1, 1]], []]);
  });

  it("createMany writes the default of a missing or undefined field, and null for null", async () => {
    await repository.createMany(testActor, [
      { name: "a" },
      { name: "b", level: 5 },
      { name: "c", note: null },
      { name: "d", note: "mine", level: undefined },
      { name: "e", id: undefined, note: undefined },
    ]);
    expect(await rows()).toEqual([
      ["a", 1, "none yet"],
      ["b", 5, "none yet"],
      ["c", 1, null],
      ["d", 1, "mine"],
      ["e", 1, "none yet"],
    ]);
  });

  it("createMany stores values of every type exactly", async () => {
    const at = new Date("2026-11-01T12:00:00.123+02:00");
    const row = {
      name: "a'b\"c\\d",
      note: "é 日本 \n\t",
      tags: ["a,b", '{"', "null", ""],
      data: { a: [1, null, { "b'": "\u2028" }] },
      at,
    };
    await repository.createMany(testActor, [row]);
    const [kept] = await database.sql`select name, note, tags, data, happened_at from things`;
    expect(kept).toEqual({ name: row.name, note: row.note, tags: row.tags, data: row.data, happened_at: at });
  });

  it("createMany accepts an id in any form of UUID, and refuses an existing one", async () => {
    const id = randomUUID();
    const forms = [
      { id: id.toUpperCase(), name: "a" },
      { id: `{${randomUUID()}}`, name: "b" },
      { id: randomUUID().replaceAll("-", ""), name: "c" },
    ];
    expect(await repository.createMany(testActor, forms)).toEqual({ written: 3, refused: [] });
    expect((await repository.createMany(testActor, [{ id, name: "d" }])).refused).toEqual([
      { index: 0, code: "CONFLICT", field: "id", message: "This id is taken." },
    ]);
    const other = randomUUID();
    const twice = [
      { id: other, name: "e" },
      { id: other.toUpperCase(), name: "f" },
    ];
    expect(await repository.createMany(testActor, twice, { atomic: false })).toMatchObject({
      written: 1,
      refused: [{ index: 1, code: "CONFLICT", field: "id" }],
    });
    expect(await repository.createMany(testActor, [{ id: "x", name: "g" }])).toMatchObject({
      refused: [{ code: "BAD_REQUEST" }],
    });
  });

  it("createMany checks rows by the rules of the definition before the database", async () => {
    const { users } = repositoriesOn((await openPool(database.url)).db);
    const account = newUser();
    const report = await users.createMany(
      testActor,
      [
        account,
        { ...newUser(), passwordHash: "secret" },
        { ...newUser(), email: "not one" },
        newUser({ username: "admin" }),
        newUser({ email: account.email.toUpperCase() }),
        { ...newUser(), role: "admin" } as never,
        null as never,
      ],
      { atomic: false },
    );
    expect(report.written).toBe(1);
    expect(report.refused.map(({ index, code, field }) => [index, code, field])).toEqual([
      [1, "BAD_REQUEST", "passwordHash"],
      [2, "BAD_REQUEST", "email"],
      [3, "BAD_REQUEST", "username"],
      [4, "CONFLICT", "email"],
      [5, "BAD_REQUEST", null],
      [6, "BAD_REQUEST", null],
    ]);
  });

  it.each([false, true])("createMany is retried after a deadlock (atomic: %s)", async (atomic) => {
    let report: Promise<unknown> | undefined;
    await database.sql.begin(async (tx) => {
      // The session whose deadlock_timeout ends first is cancelled.
      await tx`set local deadlock_timeout = '1min'`;
      await tx`insert into things (name) values ('b')`;
      report = repository.createMany(testActor, [{ name: "a" }, { name: "b" }], { atomic });
      await eventually(waiter);
      await tx`insert into things (name) values ('a')`;
    });
    expect(await report).toMatchObject({ written: 0, refused: [{ field: "name" }, { field: "name" }] });
  });

  it("two concurrent createMany with the same rows in different order insert each row once", async () => {
    const { db } = await openPool(database.url);
    const names = named(1000);
    const reports = await Promise.all([
      thingsOn(db).createMany(testActor, names, { atomic: false }),
      thingsOn(db).createMany(testActor, names.toReversed(), { atomic: false }),
    ]);
    expect(reports.reduce((sum, { written }) => sum + written, 0)).toBe(1000);
    expect(await rows()).toHaveLength(1000);
  });
});

describe("updateMany", () => {
  it("updateMany changes the given fields of each row, and no others", async () => {
    const [a, b, c, d] = (await idsOf(4)) as [string, string, string, string];
    const report = await repository.updateMany(testActor, [
      { id: a, change: { level: 7 } },
      { id: b.toUpperCase(), change: { note: null } },
      { id: `{${c}}`, change: { name: "renamed", note: undefined } },
      { id: d, change: { level: undefined } },
    ]);
    expect(report).toEqual({ written: 4, refused: [] });
    expect(await rows()).toEqual([
      ["renamed", 1, "none yet"],
      ["thing0", 7, "none yet"],
      ["thing1", 1, null],
      ["thing3", 1, "none yet"],
    ]);
  });

  it("updateMany keeps a field that another row of the batch changes, nullable fields included", async () => {
    const [a, b] = (await idsOf(2)) as [string, string];
    await database.sql`update things set happened_at = '2026-11-01'`;
    await repository.updateMany(testActor, [
      { id: a, change: { note: "changed" } },
      { id: b, change: { at: new Date("2026-12-01") } },
    ]);
    const kept = await database.sql`select note, happened_at as at from things order by name`;
    expect([...kept]).toEqual([
      { note: "changed", at: new Date("2026-11-01") },
      { note: "none yet", at: new Date("2026-12-01") },
    ]);
  });

  it("updateMany stores times and JSON exactly", async () => {
    const [id] = (await idsOf(1)) as [string];
    const change = { at: new Date("2026-11-01T12:00:00.123+02:00"), data: { a: null, b: ["x"] }, tags: ["a,b", ""] };
    await repository.updateMany(testActor, [{ id, change }]);
    const [kept] = await database.sql`select happened_at as at, data, tags from things`;
    expect(kept).toEqual(change);
  });

  it("updateMany keeps the microseconds of times that it does not change", async () => {
    const [id] = (await idsOf(1)) as [string];
    await database.sql`update things set happened_at = '2026-11-01 12:00:00.123456+02'`;
    await repository.updateMany(testActor, [{ id, change: { level: 2 } }]);
    const [kept] = await database.sql`select happened_at = '2026-11-01 12:00:00.123456+02' as same from things`;
    expect(kept?.["same"]).toBe(true);
  });

  it("updateMany rejects rows that are missing, deleted, changed since or invalid, and writes the others", async () => {
    const by = systemActor("refused");
    const [a, b, c, d, e] = (await idsOf(5)) as [string, string, string, string, string];
    await repository.softDelete(testActor, b);
    const { updatedAt: version } = await repository.findById(c);
    await repository.update(testActor, c, { note: "faster" });
    const changes = [
      { id: a, change: { level: 2 } },
      { id: b, change: { level: 2 } },
      { id: c, version, change: { level: 2 } },
      { id: d, change: { level: 100 } },
      { id: e, change: { name: "THING0" } },
      { id: randomUUID(), change: { level: 2 } },
      { id: "x", change: { level: 2 } },
      { id: randomUUID(), change: {} },
      { id: d, change: { at: new Date(Number.NaN) } },
    ];
    const reasons = [
      [1, "NOT_FOUND", "id", "There is no such thing."],
      [2, "CONFLICT", "updatedAt", "This thing has changed since you read it: read it again."],
      [3, "BAD_REQUEST", null, "A value violates a rule of the table."],
      [4, "CONFLICT", "name", "This name is taken."],
      [5, "NOT_FOUND", "id", "There is no such thing."],
      [6, "BAD_REQUEST", null, "A value has the wrong form, or is too long."],
      [7, "NOT_FOUND", "id", "There is no such thing."],
      [8, "BAD_REQUEST", "at", "at: is no time."],
    ].map(([index, code, field, message]) => ({ index, code, field, message }));
    expect(await repository.updateMany(by, changes)).toEqual({ written: 0, refused: reasons });
    expect(await recordedBy(by.name)).toEqual([]);
    expect(await repository.updateMany(by, changes, { atomic: false })).toEqual({ written: 1, refused: reasons });
    expect(await recordedBy(by.name)).toEqual([["update", 1, 1]]);
  });

  it("updateMany reports each uniqueness conflict, with stored rows and inside the batch", async () => {
    const ids = await idsOf(900);
    await database.sql`insert into things (name) select 'taken' || n from generate_series(0, 299) n`;
    const name = (n: number) => (n % 3 === 0 ? `Taken${n / 3}` : n % 3 === 1 ? "same" : `new${n}`);
    const changes = ids.map((id, n) => ({ id, change: { name: name(n) } }));
    const free = ids.flatMap((_, n) => (n % 3 === 2 || n === 1 ? n : []));
    for (const atomic of [true, false]) {
      const report = await repository.updateMany(testActor, changes, { atomic });
      expect(report.written).toBe(atomic ? 0 : free.length);
      expect(new Set(report.refused.map(({ field, message }) => `${field}: ${message}`))).toEqual(
        new Set(["name: This name is taken."]),
      );
      expect(report.refused.map(({ index }) => index)).toEqual(ids.flatMap((_, n) => (free.includes(n) ? [] : n)));
    }
    expect((await repository.findById(ids[1] as string)).name).toBe("same");
    // One batch can free a name and use it again, and can change a row twice in order.
    const [a, b] = [ids[2], ids[5]] as [string, string];
    expect(
      await repository.updateMany(testActor, [
        { id: a, change: { name: "freed" } },
        { id: b, change: { name: "new2" } },
        { id: a, change: { name: "New5" } },
        { id: b, change: { name: "last" } },
      ]),
    ).toEqual({ written: 4, refused: [] });
    expect([await repository.findById(a), await repository.findById(b)]).toMatchObject([
      { name: "New5" },
      { name: "last" },
    ]);
  });

  it("updateMany rejects an empty change of a missing row or of another version", async () => {
    const [id] = (await idsOf(1)) as [string];
    const { refused } = await repository.updateMany(testActor, [
      { id: randomUUID(), change: {} },
      { id, version: new Date(0), change: {} },
      { id, change: {} },
    ]);
    expect(refused.map(({ index, code }) => [index, code])).toEqual([
      [0, "NOT_FOUND"],
      [1, "CONFLICT"],
    ]);
  });

  it.each([2, 1500])("updateMany applies both changes of an id that occurs twice, %i rows apart", async (apart) => {
    const ids = await idsOf(apart + 1);
    const first = ids[0] as string;
    const changes: { id: string; change: object; version?: Date }[] = ids.map((id) => ({ id, change: { level: 2 } }));
    changes[apart] = { id: first.toUpperCase(), change: { note: "second" } };
    changes.push({ id: first, change: { level: 3 } });
    expect(await repository.updateMany(testActor, changes)).toEqual({ written: apart + 2, refused: [] });
    expect((await rows()).find(([name]) => name === "thing0")).toEqual(["thing0", 3, "second"]);

    const { updatedAt: version } = await repository.findById(first);
    const twice = [4, 5].map((level) => ({ id: first, version, change: { level } }));
    expect(await repository.updateMany(testActor, twice, { atomic: false })).toMatchObject({
      written: 1,
      refused: [{ index: 1, code: "CONFLICT", field: "updatedAt" }],
    });
    expect((await repository.findById(first)).level).toBe(4);
  });

  it("updateMany that waits for another transaction keeps its change, or is rejected by the version", async () => {
    const [a, b] = (await idsOf(2)) as [string, string];
    const { updatedAt: version } = await repository.findById(b);
    const { db } = await openPool(database.url);
    let report: Promise<unknown> | undefined;
    await db.transaction(async (tx) => {
      await tx.execute(sql`update things set level = 50, note = 'theirs'`);
      report = repository.updateMany(
        testActor,
        [
          { id: a, change: { note: "ours" } },
          { id: b, version, change: { note: "ours" } },
        ],
        { atomic: false },
      );
      await eventually(waiter);
    });
    expect(await report).toMatchObject({ written: 1, refused: [{ index: 1, code: "CONFLICT", field: "updatedAt" }] });
    expect(await rows()).toEqual([
      ["thing0", 50, "ours"],
      ["thing1", 50, "theirs"],
    ]);
  });

  it("two concurrent updateMany of the same rows in different order apply all changes", async () => {
    const ids = await idsOf(1000);
    for (let round = 0; round < 2; round++) {
      const level = { change: { level: round + 10 } };
      const note = { change: { note: `round ${round}` } };
      const reports = await Promise.all([
        repository.updateMany(
          testActor,
          ids.map((id) => ({ id, ...level })),
        ),
        repository.updateMany(
          testActor,
          ids.toReversed().map((id) => ({ id, ...note })),
        ),
        repository.updateMany(
          testActor,
          ids.toSorted().map((id) => ({ id, change: { at: new Date(round) } })),
        ),
      ]);
      expect(reports.map(({ written }) => written)).toEqual([1000, 1000, 1000]);
      const [same] = await database.sql`
        select count(*)::int as rows from things
        where level = ${round + 10} and note = ${`round ${round}`} and happened_at = ${new Date(round)}`;
      expect(same?.["rows"]).toBe(1000);
    }
  });
});

describe.each(["softDeleteMany", "hardDeleteMany"] as const)("%s", (remove) => {
  it("bulk deletion reports missing rows and deletes the others, or none if atomic", async () => {
    const by = systemActor(remove);
    const [a, b, c] = (await idsOf(3)) as [string, string, string];
    if (remove === "softDeleteMany") await repository.softDelete(testActor, c);
    else await repository.hardDelete(testActor, c);
    const ids = [a.toUpperCase(), c, "x", randomUUID(), `{${b}}`];
    const refused = [
      { index: 1, code: "NOT_FOUND", field: "id", message: "There is no such thing." },
      { index: 2, code: "BAD_REQUEST", field: null, message: "A value has the wrong form, or is too long." },
      { index: 3, code: "NOT_FOUND", field: "id", message: "There is no such thing." },
    ];
    expect(await repository[remove](by, ids)).toEqual({ written: 0, refused });
    expect((await repository.findById(a)).name).toBe("thing0");
    expect(await recordedBy(by.name)).toEqual([]);
    expect(await repository[remove](by, ids, { atomic: false })).toEqual({ written: 2, refused });
    expect(await repository.list()).toMatchObject({ items: [] });
    expect(await recordedBy(by.name)).toEqual([[remove === "softDeleteMany" ? "update" : "delete", 2, 2]]);
  });

  it.each([1, 1500])("bulk deletion rejects an id that occurs again, %i rows later", async (apart) => {
    const ids = await idsOf(apart);
    const again = [...ids, ids[0]?.toUpperCase() ?? ""];
    expect(await repository[remove](testActor, again, { atomic: false })).toMatchObject({
      written: apart,
      refused: [{ index: apart, code: "NOT_FOUND", field: "id" }],
    });
  });

  it("two concurrent bulk deletions of the same rows in different order delete each row once", async () => {
    const ids = await idsOf(1000);
    const reports = await Promise.all([
      repository[remove](testActor, ids, { atomic: false }),
      repository[remove](testActor, ids.toReversed(), { atomic: false }),
    ]);
    expect(reports.reduce((sum, { written }) => sum + written, 0)).toBe(1000);
    expect(reports.flatMap(({ refused }) => refused.map(({ code }) => code))).toEqual(Array(1000).fill("NOT_FOUND"));
  });
});
