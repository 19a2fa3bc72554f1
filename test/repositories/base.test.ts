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

const notFound = { code: "NotFoundError", message: "There is no such thing." };
const reasonOf = async (call: Promise<unknown>) => {
  const error = toDomainError(
    await call.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  return { code: error?.name, message: error?.message };
};

/** The audit events of a thing: action, actor and changed columns. */
async function trailOf(id: string): Promise<[string, string, string[]][]> {
  const rows =
    await database.sql`select action, actor, changes from audit_log where resource_type = 'things' and resource_id = ${id} order by created_at`;
  return rows.map((row) => [row["action"], row["actor"], Object.keys(row["changes"]).sort()]);
}

describe("a repository", () => {
  it("a repository creates, finds, updates and deletes rows, and each change is recorded with its actor", async () => {
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
    expect(await reasonOf(repository.findById(thing.id))).toEqual(notFound);
    expect(await reasonOf(repository.hardDelete(testActor, thing.id))).toEqual(notFound);
    expect(await reasonOf(repository.update(testActor, thing.id, { level: 3 }))).toEqual(notFound);

    const by = "system:test";
    expect(await trailOf(thing.id)).toEqual([
      ["insert", by, ["created_at", "data", "id", "level", "name", "note", "tags"]],
      ["update", by, ["level"]],
      ["delete", by, ["created_at", "data", "id", "level", "name", "note", "tags", "updated_at"]],
    ]);
  });

  it("list and count apply filter, order, limit and cursor", async () => {
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

  it("update refuses an outdated version of a row", async () => {
    const seen = await repository.create(testActor, { name: "Lamp" });
    const other = await repository.update(testActor, seen.id, { level: 2 }, { version: seen.updatedAt });
    expect(await reasonOf(repository.update(testActor, seen.id, { level: 3 }, { version: seen.updatedAt }))).toEqual({
      code: "ConflictError",
      message: "This thing has changed since you read it: read it again.",
    });
    expect((await repository.update(testActor, seen.id, { level: 3 }, { version: other.updatedAt })).level).toBe(3);
    expect(await reasonOf(repository.update(testActor, randomUUID(), { level: 3 }, { version: new Date() }))).toEqual(
      notFound,
    );
  });

  it("only one of many concurrent updates with the same version succeeds", async () => {
    const { id, updatedAt: version } = await repository.create(testActor, { name: "Lamp" });
    const all = Array.from({ length: 8 }, (_, level) =>
      repository.update(testActor, id, { level: level + 10 }, { version }),
    );
    const results = await Promise.allSettled(all);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toBeInstanceOf(ConflictError);
  });

  it("an empty update changes nothing, and fails when the row is missing or has another version", async () => {
    const thing = await repository.create(testActor, { name: "Lamp" });
    expect(await repository.update(testActor, thing.id, {})).toEqual(thing);
    expect(await repository.update(testActor, thing.id, { note: undefined }, { version: thing.updatedAt })).toEqual(
      thing,
    );
    expect(await reasonOf(repository.update(testActor, randomUUID(), {}))).toEqual(notFound);
    await expect(repository.update(testActor, thing.id, {}, { version: new Date(0) })).rejects.toThrow(ConflictError);
    expect(await trailOf(thing.id)).toHaveLength(1);
  });

  it("upsert inserts a row or updates the row with its key, but not a deleted one", async () => {
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
    expect(await reasonOf(repository.upsert(testActor, { id, name: "Lamp", level: 6 }))).toEqual(notFound);
    expect(await repository.restore(testActor, id)).toMatchObject({ level: 5 });
  });

  it("softDelete hides a row, and restore makes it visible again", async () => {
    const { id } = await repository.create(testActor, { name: "Lamp" });
    await repository.softDelete(testActor, id);
    expect(await reasonOf(repository.findById(id))).toEqual(notFound);
    expect(await reasonOf(repository.softDelete(testActor, id))).toEqual(notFound);
    expect(await reasonOf(repository.update(testActor, id, { level: 2 }))).toEqual(notFound);
    expect([(await repository.list()).items, await repository.count(), await repository.findOne({ id })]).toEqual([
      [],
      0,
      undefined,
    ]);
    expect(await reasonOf(repository.create(testActor, { name: "LAMP" }))).toMatchObject({ code: "ConflictError" });
    expect(await repository.restore(testActor, id)).toMatchObject({ id, level: 1 });
    expect(await reasonOf(repository.restore(testActor, id))).toEqual(notFound);
    await repository.softDelete(testActor, id);
    await repository.hardDelete(testActor, id);
    expect(await reasonOf(repository.restore(testActor, id))).toEqual(notFound);
  });

  it("a repository creates, updates and deletes many rows in one call", async () => {
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

describe("withTransaction", () => {
  it("withTransaction returns a repository of the same class that reads the transaction's writes and rolls back with it", async () => {
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

  it("a repository in a transaction commits with it, and one outside commits separately", async () => {
    const { db } = await openPool(database.url);
    await inTransaction(db, async (tx) => {
      await thingsOn(db).withTransaction(tx).create(testActor, { name: "inside" });
      await thingsOn(db).create(testActor, { name: "outside" });
    });
    expect(await repository.count()).toBe(2);
  });

  it("each change in a transaction is recorded with its own actor, which does not leak to later statements", async () => {
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

/** Not executed. tsc reports a line that compiles although it must not. */
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
  // @ts-expect-error a name is not an actor
  things.create("system:test", { name: "a" }),
  // @ts-expect-error the name is required
  things.create(testActor, {}),
  // @ts-expect-error the field does not exist
  things.update(testActor, "id", { weight: 1 }),
  // @ts-expect-error a JSON field is not sortable
  things.list({ sort: { field: "data" } }),
  // @ts-expect-error a hidden field is not filterable
  things.list({ where: { deletedAt: null } }),
];
void typesOfWrites;

it("the scan guard uses the current size of a table that has grown since the last ANALYZE", async () => {
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
