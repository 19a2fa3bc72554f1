import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toDomainError } from "../../src/database/errors.ts";
import { inTransaction } from "../../src/database/transaction.ts";
import { ConflictError } from "../../src/errors.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { createThings, someone, ThingRepository, thingsOn } from "../support/things.ts";

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

const nobody = { code: "NotFoundError", message: "There is no such thing." };
const reasonOf = async (call: Promise<unknown>) => {
  const error = toDomainError(
    await call.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  return { code: error?.name, message: error?.message };
};

/** What the trail says of a thing: what was done, by whom, and which columns changed. */
async function trailOf(id: string): Promise<[string, string, string[]][]> {
  const rows =
    await database.sql`select action, actor, changes from audit_log where resource_type = 'things' and resource_id = ${id} order by created_at`;
  return rows.map((row) => [row["action"], row["actor"], Object.keys(row["changes"]).sort()]);
}

describe("a table with a definition of its own, and a class of one line,", () => {
  it("creates, finds, changes and removes rows, and each change is recorded with who made it", async () => {
    const thing = await repository.create(someone, { name: "Lamp", data: { oil: 3 } });
    expect(Object.keys(thing).sort()).toEqual(["at", "createdAt", "data", "id", "level", "name", "note", "updatedAt"]);
    expect(thing).toMatchObject({ name: "Lamp", level: 1, note: "none yet", data: { oil: 3 }, at: null });
    expect(await repository.findById(thing.id)).toEqual(thing);
    expect(await repository.findById(thing.id.toUpperCase())).toEqual(thing);
    expect(await repository.findOne({ name: "LAMP" })).toEqual(thing);
    expect(await repository.findOne({ name: "none" })).toBeUndefined();

    const changed = await repository.update(someone, thing.id, { level: 2, note: undefined });
    expect(changed).toEqual({ ...thing, level: 2, updatedAt: changed.updatedAt });
    expect(changed.updatedAt > thing.updatedAt).toBe(true);
    await repository.hardDelete(someone, thing.id);
    expect(await reasonOf(repository.findById(thing.id))).toEqual(nobody);
    expect(await reasonOf(repository.hardDelete(someone, thing.id))).toEqual(nobody);
    expect(await reasonOf(repository.update(someone, thing.id, { level: 3 }))).toEqual(nobody);

    const by = "system:test";
    expect(await trailOf(thing.id)).toEqual([
      ["insert", by, ["created_at", "data", "id", "level", "name", "note", "tags"]],
      ["update", by, ["level"]],
      ["delete", by, ["created_at", "data", "id", "level", "name", "note", "tags", "updated_at"]],
    ]);
  });

  it("lists and counts", async () => {
    for (const name of ["c", "a", "b"]) await repository.create(someone, { name });
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

  it("refuses a change of a row that somebody else changed since it was seen", async () => {
    const seen = await repository.create(someone, { name: "Lamp" });
    const other = await repository.update(someone, seen.id, { level: 2 }, { version: seen.updatedAt });
    expect(await reasonOf(repository.update(someone, seen.id, { level: 3 }, { version: seen.updatedAt }))).toEqual({
      code: "ConflictError",
      message: "This thing has changed since you read it: read it again.",
    });
    expect((await repository.update(someone, seen.id, { level: 3 }, { version: other.updatedAt })).level).toBe(3);
    expect(await reasonOf(repository.update(someone, randomUUID(), { level: 3 }, { version: new Date() }))).toEqual(
      nobody,
    );
  });

  it("lets one of many who saw the same version change it", async () => {
    const { id, updatedAt: version } = await repository.create(someone, { name: "Lamp" });
    const all = Array.from({ length: 8 }, (_, level) =>
      repository.update(someone, id, { level: level + 10 }, { version }),
    );
    const results = await Promise.allSettled(all);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toBeInstanceOf(ConflictError);
  });

  it("takes a change of nothing for none, and says all the same when the row is not there or another", async () => {
    const thing = await repository.create(someone, { name: "Lamp" });
    expect(await repository.update(someone, thing.id, {})).toEqual(thing);
    expect(await repository.update(someone, thing.id, { note: undefined }, { version: thing.updatedAt })).toEqual(
      thing,
    );
    expect(await reasonOf(repository.update(someone, randomUUID(), {}))).toEqual(nobody);
    await expect(repository.update(someone, thing.id, {}, { version: new Date(0) })).rejects.toThrow(ConflictError);
    expect(await trailOf(thing.id)).toHaveLength(1);
  });

  it("adds a row or changes the one with its key, but none that is deleted", async () => {
    const id = randomUUID();
    expect(await repository.upsert(someone, { id, name: "Lamp" })).toMatchObject({ id, name: "Lamp", level: 1 });
    expect(await repository.upsert(someone, { id, name: "Lamp", level: 5 })).toMatchObject({ id, level: 5 });
    expect(await repository.upsert(someone, { name: "Other" })).toMatchObject({ level: 1 });
    expect(await reasonOf(repository.upsert(someone, { name: "OTHER" }))).toMatchObject({ code: "ConflictError" });
    expect((await trailOf(id)).map(([action, by]) => [action, by])).toEqual([
      ["insert", "system:test"],
      ["update", "system:test"],
    ]);
    await repository.softDelete(someone, id);
    expect(await reasonOf(repository.upsert(someone, { id, name: "Lamp", level: 6 }))).toEqual(nobody);
    expect(await repository.restore(someone, id)).toMatchObject({ level: 5 });
  });

  it("marks rows as deleted, hides them, and brings them back", async () => {
    const { id } = await repository.create(someone, { name: "Lamp" });
    await repository.softDelete(someone, id);
    expect(await reasonOf(repository.findById(id))).toEqual(nobody);
    expect(await reasonOf(repository.softDelete(someone, id))).toEqual(nobody);
    expect(await reasonOf(repository.update(someone, id, { level: 2 }))).toEqual(nobody);
    expect([(await repository.list()).items, await repository.count(), await repository.findOne({ id })]).toEqual([
      [],
      0,
      undefined,
    ]);
    expect(await reasonOf(repository.create(someone, { name: "LAMP" }))).toMatchObject({ code: "ConflictError" });
    expect(await repository.restore(someone, id)).toMatchObject({ id, level: 1 });
    expect(await reasonOf(repository.restore(someone, id))).toEqual(nobody);
    await repository.softDelete(someone, id);
    await repository.hardDelete(someone, id);
    expect(await reasonOf(repository.restore(someone, id))).toEqual(nobody);
  });

  it("writes many rows", async () => {
    const names = ["a", "b", "c"].map((name) => ({ name }));
    expect(await repository.createMany(someone, names)).toEqual({ written: 3, refused: [] });
    const ids = (await repository.list()).items.map(({ id }) => id);
    expect(
      await repository.updateMany(
        someone,
        ids.map((id) => ({ id, change: { level: 9 } })),
      ),
    ).toEqual({ written: 3, refused: [] });
    expect(await repository.softDeleteMany(someone, ids.slice(1))).toEqual({ written: 2, refused: [] });
    expect(await repository.count({ level: 9 })).toBe(1);
    expect(await repository.hardDeleteMany(someone, ids)).toEqual({ written: 3, refused: [] });
  });
});

describe("a repository within a transaction of the caller's", () => {
  it("is of the same class, sees what was written there, and is undone with it", async () => {
    const { db } = await openPool(database.url);
    const outside = thingsOn(db);
    const work = inTransaction(db, async (tx) => {
      const inside = outside.withTransaction(tx);
      expect(inside).toBeInstanceOf(ThingRepository);
      const { id } = await inside.create(someone, { name: "Lamp" });
      await inside.update(someone, id, { level: 2 });
      await inside.createMany(someone, [{ name: "a" }, { name: "b" }]);
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

  it("commits with it, and one without commits by itself", async () => {
    const { db } = await openPool(database.url);
    await inTransaction(db, async (tx) => {
      await thingsOn(db).withTransaction(tx).create(someone, { name: "inside" });
      await thingsOn(db).create(someone, { name: "outside" });
    });
    expect(await repository.count()).toBe(2);
  });

  it("says who makes each change, also when several do in one transaction, and leaves no name behind", async () => {
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

/** Never run: tsc reads it, and a line that compiles where it should not is an error there. */
const typesOfWrites = (things: ThingRepository) => [
  things.create(someone, { name: "a" }),
  // @ts-expect-error nobody creates it
  things.create({ name: "a" }),
  // @ts-expect-error nobody changes it
  things.update("id", { level: 1 }),
  // @ts-expect-error nor adds or changes it
  things.upsert({ name: "a" }),
  // @ts-expect-error nor marks it
  things.softDelete("id"),
  // @ts-expect-error nor brings it back
  things.restore("id"),
  // @ts-expect-error nor removes it
  things.hardDelete("id"),
  // @ts-expect-error nor creates many
  things.createMany([{ name: "a" }]),
  // @ts-expect-error nor changes many
  things.updateMany([{ id: "id", change: {} }]),
  // @ts-expect-error nor marks many
  things.softDeleteMany(["id"]),
  // @ts-expect-error nor removes many
  things.hardDeleteMany(["id"]),
  // @ts-expect-error a name is no actor
  things.create("system:test", { name: "a" }),
  // @ts-expect-error a thing has a name
  things.create(someone, {}),
  // @ts-expect-error what it has none of
  things.update(someone, "id", { weight: 1 }),
  // @ts-expect-error JSON is no order
  things.list({ sort: { field: "data" } }),
  // @ts-expect-error nor is what callers do not see
  things.list({ where: { deletedAt: null } }),
];
void typesOfWrites;

it("a table that has grown since the last ANALYZE is as large as it is now", async () => {
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
