import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeCursor, encodeCursor } from "../../src/repositories/page.ts";
import { UserRepository } from "../../src/repositories/users.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describe("list", () => {
  beforeEach(() => database.sql`truncate users cascade`);

  /** Times that differ by microseconds or not at all: what a cursor made from a Date would trip over. */
  const times = fc.array(
    fc.integer({ min: 0, max: 5 }).map((microsecond) => `2026-11-01 12:00:00.00000${microsecond}+00`),
    { maxLength: 30 },
  );

  it("walks every user exactly once, newest first, whatever the page size and however times repeat", async () => {
    const users = new UserRepository((await openPool(database.url)).db);
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 1, max: 7 }), async (createdAt, limit) => {
        await database.sql`truncate users cascade`;
        if (createdAt.length > 0) await insert(createdAt);
        const truth = await database.sql`select id from users order by created_at desc, id desc`;

        const walked: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await users.list({ limit, cursor });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          walked.push(...page.items.map(({ id }) => id));
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        expect(walked).toEqual(truth.map((row) => row["id"]));
      }),
      { numRuns: 40 },
    );
  });

  it("keeps its place while users come and go between two pages", async () => {
    const users = new UserRepository((await openPool(database.url)).db);
    await insert(["2026-11-01 00:00+00", "2026-11-02 00:00+00", "2026-11-03 00:00+00", "2026-11-04 00:00+00"]);
    const truth = (await database.sql`select id from users order by created_at desc`).map((row) => row["id"] as string);

    const first = await users.list({ limit: 2 });
    await insert(["2026-11-05 00:00+00"]);
    await database.sql`delete from users where id = ${truth[1] ?? ""}`;
    const second = await users.list({ limit: 2, cursor: first.nextCursor ?? undefined });
    expect(second.items.map(({ id }) => id)).toEqual(truth.slice(2));
    expect(second.nextCursor).toBeNull();
  });

  /** As text all the way: the driver would make a Date of a timestamp, and cut its microseconds off. */
  async function insert(createdAt: string[]): Promise<void> {
    const names = createdAt.map(() => randomUUID().slice(0, 20));
    await database.sql`
      insert into users (email, username, password_hash, created_at)
      select name || '@example.com', name, ${passwordHash}, created_at::timestamptz
      from unnest(${names}::text[], ${createdAt}::text[]) as given (name, created_at)`;
  }
});

describe("a cursor", () => {
  it("comes back as it went", () => {
    const position = fc.record({
      at: fc
        .date({ min: new Date("1970-01-01"), max: new Date("2999-01-01"), noInvalidDate: true })
        .map((date) => date.toISOString().replace("Z", "123Z")),
      id: fc.uuid(),
    });
    fc.assert(
      fc.property(position, (at) => {
        expect(decodeCursor(encodeCursor(at))).toEqual(at);
      }),
    );
  });

  it("that is none of ours is refused, naming the field", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ name: "Invalid", field: "cursor" }));
      }),
    );
  });
});

describe("the plan of", () => {
  // Enough rows for the planner to prefer an index where it can use one.
  beforeAll(async () => {
    await database.sql`truncate users cascade`;
    await database.sql`
      insert into users (email, username, password_hash, created_at)
      select 'player' || n || '@example.com', 'player' || n, ${passwordHash}, now() - n * interval '1 second'
      from generate_series(1, 5000) n`;
    await database.sql`analyze users`;
  });

  it.each([
    ["byId", "users_pkey", (users: UserRepository) => users.findById(randomUUID())],
    ["byEmail", "idx_users_email", (users: UserRepository) => users.findByEmail("PLAYER7@example.com")],
    ["byUsername", "idx_users_username", (users: UserRepository) => users.findByUsername("PLAYER7")],
    ["the first page", "idx_users_created", (users: UserRepository) => users.list({ limit: 20 })],
    [
      "a later page",
      "idx_users_created",
      (users: UserRepository) =>
        users.list({
          limit: 20,
          cursor: encodeCursor({ at: new Date().toISOString().replace("Z", "000Z"), id: randomUUID() }),
        }),
    ],
  ])("%s uses %s and sorts nothing", async (_, index, look) => {
    const plan = await planOf(look);
    expect(plan).toContain(index);
    expect(plan).not.toContain("Seq Scan");
    expect(plan).not.toContain("Sort");
  });

  /** The plan of the very statement that the repository sent, with its own values. */
  async function planOf(look: (users: UserRepository) => Promise<unknown>): Promise<string> {
    const pool = await openPool(database.url, { SLOW_QUERY_MS: "0" });
    await look(new UserRepository(pool.db)).catch(() => {});
    const statement = pool.report().slow.find(({ text }) => text.includes('from "users"'))?.text;
    // Generic: any value will do, as in a prepared statement that has been used for a while.
    const placeholders = new Set(statement?.match(/\$\d+/g)).size;
    const session = await database.sql.reserve();
    try {
      await session`set plan_cache_mode = force_generic_plan`;
      await session.unsafe(`prepare looked_at as ${statement}`);
      const rows = await session.unsafe(
        `explain execute looked_at${placeholders ? `(${Array.from({ length: placeholders }, () => "null").join(", ")})` : ""}`,
      );
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    } finally {
      await session.unsafe("deallocate all");
      session.release();
    }
  }
});
