import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toDomainError } from "../../src/database/errors.ts";
import { inTransaction } from "../../src/database/transaction.ts";
import { ConflictError } from "../../src/errors.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { createThings, ThingRepository, testActor, thingsOn } from "../support/things.ts";

let database: TestDatabase;
let repository: ThingRepository;

beforeAll(async () => {
  database = await createDatabase();
  await createThings(database.sql);
});
beforeEach(async () => {
  await database.sql`delete from things`;
  repository = thingsOn((await openPool(database.url)).db);
});
afterAll(() => database.drop());

const missing = { code: "NotFoundError", message: "There is no such thing." };
const reasonOf = async (call: Promise<unknown>) => {
  const error = toDomainError(
    await call.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  return { code: error?.name, message: error?.message };
};

/** The audit trail of a thing: the actions, their actors and the changed columns. */
async function trailOf(id: string): Promise<[string, string, string[]][]> {
  const rows =
    await database.sql`select action, actor, changes from audit_log where resource_type = 'things' and resource_id = ${id} order by created_at`;
  return rows.map((row) => [row["action"], row["actor"], Object.keys(row["changes"]).sort()]);
}

describe("a repository", () => {
  it("creates, finds, changes and deletes rows, and the audit trail records the actor of each change", async () => {
    const thing = await repository.create(testActor, { name: "Lamp", data: { oil: 3 } });
    expect(Object.keys(thing).sort()).toEqual(["at", "createdAt", "data", "id", "level", "name", "note", "updatedAt"]);
    expect(thing).toMatchObject({ name: "Lamp", level: 1, note: "none yet", data: { oil: 3 }, at: null });
    expect(await repository.findById(thing.id)).toEqual(thing);
    expect(await repository.findById(thing.id.toUpperCase())).toEqual(thing);
    expect(await repository.findOne({ name: "LAMP" })).toEqual(thing);
    expect(await repository.findOne({ name: "none" })).toBeUndefined();

    const changed = await repository.update(testActor, thing.id, { level: 2, note: undefined });
    expect(changed).toEqual({ ...thing, level: 2, updatedAt: changed.updatedAt });
    expect(changed.updatedAt > thing.updatedAt).toBe(true);
    await repository.hardDelete(testActor, thing.id);
    expect(await reasonOf(repository.findById(thing.id))).toEqual(missing);
    expect(await reasonOf(repository.hardDelete(testActor, thing.id))).toEqual(missing);
    expect(await reasonOf(repository.update(testActor, thing.id, { level: 3 }))).toEqual(missing);

    const by = "system:test";
    expect(await trailOf(thing.id)).toEqual([
      ["insert", by, ["created_at", "data", "id", "level", "name", "note", "tags"]],
      ["update", by, ["level"]],
      ["delete", by, ["created_at", "data", "id", "level", "name", "note", "tags", "updated_at"]],
    ]);
  });

  it("a repository lists and counts rows", async () => {
    for (const name of ["c", "a", "b"]) await repository.create(testActor, { name });
    const names = async (options: Parameters<ThingRepository["list"]>[0]) =>
      (await repository.list(options)).items.map(({ name }) => name);
    expect(await names({})).toEqual(["c", "a", "b"]);
    expect(await names({ sort: { field: "name", direction: "desc" } })).toEqual(["c", "b", "a"]);
    expect(await names({ where: { name: { gt: "A" } }, sort: { field: "name" }, limit: 1 })).toEqual(["b"]);
    expect(await repository.count()).toBe(3);
    expect(await repository.count({ not: { name: "B" } })).toBe(2);
    const first = await repository.list({ limit: 2, total: "exact" });
    expect([first.total, await names({ limit: 2, cursor: first.nextCursor })]).toEqual([3, ["b"]]);
  });

  it("a repository refuses an update of a row that was changed since it was read", async () => {
    const seen = await repository.create(testActor, { name: "Lamp" });
    const other = await repository.update(testActor, seen.id, { level: 2 }, { version: seen.updatedAt });
    expect(await reasonOf(repository.update(testActor, seen.id, { level: 3 }, { version: seen.updatedAt }))).toEqual({
      code: "ConflictError",
      message: "This thing has changed since you read it: read it again.",
    });
    expect((await repository.update(testActor, seen.id, { level: 3 }, { version: other.updatedAt })).level).toBe(3);
    expect(await reasonOf(repository.update(testActor, randomUUID(), { level: 3 }, { version: new Date() }))).toEqual(
      missing,
    );
  });

  it("a repository accepts one of several concurrent updates of the same version", async () => {
    const { id, updatedAt: version } = await repository.create(testActor, { name: "Lamp" });
    const all = Array.from({ length: 8 }, (_, level) =>
      repository.update(testActor, id, { level: level + 10 }, { version }),
    );
    const results = await Promise.allSettled(all);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toBeInstanceOf(ConflictError);
  });

  it("an empty update changes nothing, and still reports a missing row or another version", async () => {
    const thing = await repository.create(testActor, { name: "Lamp" });
    expect(await repository.update(testActor, thing.id, {})).toEqual(thing);
    expect(await repository.update(testActor, thing.id, { note: undefined }, { version: thing.updatedAt })).toEqual(
      thing,
    );
    expect(await reasonOf(repository.update(testActor, randomUUID(), {}))).toEqual(missing);
    await expect(repository.update(testActor, thing.id, {}, { version: new Date(0) })).rejects.toThrow(ConflictError);
    expect(await trailOf(thing.id)).toHaveLength(1);
  });

  it("upsert inserts a row or updates the row of the same key, unless that is deleted", async () => {
    const id = randomUUID();
    expect(await repository.upsert(testActor, { id, name: "Lamp" })).toMatchObject({ id, name: "Lamp", level: 1 });
    expect(await repository.upsert(testActor, { id, name: "Lamp", level: 5 })).toMatchObject({ id, level: 5 });
    expect(await repository.upsert(testActor, { name: "Other" })).toMatchObject({ level: 1 });
    expect(await reasonOf(repository.upsert(testActor, { name: "OTHER" }))).toMatchObject({ code: "ConflictError" });
    expect((await trailOf(id)).map(([action, by]) => [action, by])).toEqual([
      ["insert", "system:test"],
      ["update", "system:test"],
    ]);
    await repository.softDelete(testActor, id);
    expect(await reasonOf(repository.upsert(testActor, { id, name: "Lamp", level: 6 }))).toEqual(missing);
    expect(await repository.restore(testActor, id)).toMatchObject({ level: 5 });
  });

  it("soft-deletes rows, hides them from reads, and restores them", async () => {
    const { id } = await repository.create(testActor, { name: "Lamp" });
    await repository.softDelete(testActor, id);
    expect(await reasonOf(repository.findById(id))).toEqual(missing);
    expect(await reasonOf(repository.softDelete(testActor, id))).toEqual(missing);
    expect(await reasonOf(repository.update(testActor, id, { level: 2 }))).toEqual(missing);
    expect([(await repository.list()).items, await repository.count(), await repository.findOne({ id })]).toEqual([
      [],
      0,
      undefined,
    ]);
    expect(await reasonOf(repository.create(testActor, { name: "LAMP" }))).toMatchObject({ code: "ConflictError" });
    expect(await repository.restore(testActor, id)).toMatchObject({ id, level: 1 });
    expect(await reasonOf(repository.restore(testActor, id))).toEqual(missing);
    await repository.softDelete(testActor, id);
    await repository.hardDelete(testActor, id);
    expect(await reasonOf(repository.restore(testActor, id))).toEqual(missing);
  });

  it("a repository writes many rows in bulk", async () => {
    const names = ["a", "b", "c"].map((name) => ({ name }));
    expect(await repository.createMany(testActor, names)).toEqual({ written: 3, refused: [] });
    const ids = (await repository.list()).items.map(({ id }) => id);
    expect(
      await repository.updateMany(
        testActor,
        ids.map((id) => ({ id, change: { level: 9 } })),
      ),
    ).toEqual({ written: 3, refused: [] });
    expect(await repository.softDeleteMany(testActor, ids.slice(1))).toEqual({ written: 2, refused: [] });
    expect(await repository.count({ level: 9 })).toBe(1);
    expect(await repository.hardDeleteMany(testActor, ids)).toEqual({ written: 3, refused: [] });
  });
});

describe("a repository on the caller's transaction", () => {
  it("a repository on a transaction has the same class, sees its writes, and is rolled back with it", async () => {
    const { db } = await openPool(database.url);
    const outside = thingsOn(db);
    const work = inTransaction(db, async (tx) => {
      const inside = outside.withTransaction(tx);
      expect(inside).toBeInstanceOf(ThingRepository);
      const { id } = await inside.create(testActor, { name: "Lamp" });
      await inside.update(testActor, id, { level: 2 });
      await inside.createMany(testActor, [{ name: "a" }, { name: "b" }]);
      expect([await inside.count(), await outside.count()]).toEqual([3, 0]);
      const page = await inside.list({ limit: 2, total: "exact" });
      expect([page.items.length, page.total]).toEqual([2, 3]);
      throw new Error("changed my mind");
    });
    await expect(work).rejects.toThrow("changed my mind");
    expect(await outside.count()).toBe(0);
    const [trail] =
      await database.sql`select count(*)::int as rows from audit_log where resource_id in (select id::text from things)`;
    expect(trail?.["rows"]).toBe(0);
  });

  it("writes on a transaction commit with it, and writes without it commit at once", async () => {
    const { db } = await openPool(database.url);
    await inTransaction(db, async (tx) => {
      await thingsOn(db).withTransaction(tx).create(testActor, { name: "inside" });
      await thingsOn(db).create(testActor, { name: "outside" });
    });
    expect(await repository.count()).toBe(2);
  });

  it("a repository records the actor of each change in one transaction, and leaks no actor to the session", async () => {
    const { db } = await openPool(database.url, { DATABASE_POOL_MIN: "1", DATABASE_POOL_MAX: "1" });
    const things = thingsOn(db);
    const ids = await inTransaction(db, async (tx) => {
      const inside = things.withTransaction(tx);
      const first = await inside.create({ name: "system:one" }, { name: "a" });
      const second = await inside.create({ name: "system:two", requestId: "r2" }, { name: "b" });
      return [first.id, second.id];
    });
    await db.execute(sql`update things set level = 7 where name = 'a'`);
    expect((await trailOf(ids[0] ?? "")).map(([, actor]) => actor)).toEqual([
      "system:one",
      expect.stringMatching(/^db:/),
    ]);
    expect((await trailOf(ids[1] ?? "")).map(([, actor]) => actor)).toEqual(["system:two"]);
  });
});

/** Not executed: tsc checks it, and reports each expected error that does not occur. */
const typesOfWrites = (things: ThingRepository) => [
  things.create(testActor, { name: "a" }),
  // @ts-expect-error create needs an actor
  things.create({ name: "a" }),
  // @ts-expect-error update needs an actor
  things.update("id", { level: 1 }),
  // @ts-expect-error upsert needs an actor
  things.upsert({ name: "a" }),
  // @ts-expect-error softDelete needs an actor
  things.softDelete("id"),
  // @ts-expect-error restore needs an actor
  things.restore("id"),
  // @ts-expect-error hardDelete needs an actor
  things.hardDelete("id"),
  // @ts-expect-error createMany needs an actor
  things.createMany([{ name: "a" }]),
  // @ts-expect-error updateMany needs an actor
  things.updateMany([{ id: "id", change: {} }]),
  // @ts-expect-error softDeleteMany needs an actor
  things.softDeleteMany(["id"]),
  // @ts-expect-error hardDeleteMany needs an actor
  things.hardDeleteMany(["id"]),
  // @ts-expect-error an actor is not a text
  things.create("system:test", { name: "a" }),
  // @ts-expect-error the name is required
  things.create(testActor, {}),
  // @ts-expect-error unknown column
  things.update(testActor, "id", { weight: 1 }),
  // @ts-expect-error JSON has no order
  things.list({ sort: { field: "data" } }),
  // @ts-expect-error deletedAt is not listed
  things.list({ where: { deletedAt: null } }),
];
void typesOfWrites;

it("the scan guard estimates the present size of a table that grew since the last ANALYZE", async () => {
  const { sql } = database;
  await sql`alter table things set (autovacuum_enabled = off)`;
  await sql`vacuum analyze things`;
  await sql`insert into things (name) select 'grown' || n from generate_series(1, 5000) n`;
  const { db } = await openPool(database.url);
  await expect(thingsOn(db, { scanLimit: 1_000 }).list({ sort: { field: "level" } })).rejects.toThrow(
    "no index answers",
  );
  await sql`analyze things`;
  await sql`insert into things (name) select 'again' || n from generate_series(1, 5000) n`;
  await expect(thingsOn(db, { scanLimit: 6_000 }).list({ sort: { field: "level" } })).rejects.toThrow(
    /about (9|10),\d{3} rows/,
  );
});
