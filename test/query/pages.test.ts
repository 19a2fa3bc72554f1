import { sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InvalidInputError } from "../../src/errors.ts";
import type { ListOptions, Page, Sort } from "../../src/query/filter.ts";
import type { Listing } from "../../src/query/listing.ts";
import { auditListing } from "../../src/repositories/audit-log.ts";
import { createRepositories, type Repositories } from "../../src/repositories/repositories.ts";
import type { User } from "../../src/repositories/row-types.ts";
import { userSecurityDefinition } from "../../src/repositories/user-security.ts";
import { userSessionDefinition } from "../../src/repositories/user-sessions.ts";
import { userDefinition } from "../../src/repositories/users.ts";
import { listInput } from "../../src/routers/list-input.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";

let database: TestDatabase;

/** Users, security states and sessions with equal values, nulls and times that differ by microseconds, and their audit trail. */
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`
    insert into users (email, username, password_hash, email_verified, status, role, created_at, last_login, metadata)
    select case when n % 2 = 0 then upper(name) else name end || '@example.com', name, ${passwordHash}, n % 2 = 0,
      (array['active', 'banned', 'suspended'])[n % 3 + 1], (array['user', 'moderator', 'admin'])[n % 3 + 1],
      '2026-11-01 12:00:00+00'::timestamptz + n % 4 * interval '1 microsecond',
      case when n % 3 > 0 then '2026-11-01 12:00:00+00'::timestamptz + n % 5 * interval '1 microsecond' end, '{}'
    from generate_series(1, 23) n, lateral (select case when n % 3 = 0 then 'Player_' else 'player-' end || n as name) named`;
  await database.sql`
    update user_security set login_attempts = n % 3, must_change_password = n % 2 = 0, last_attempt_at = u.last_login, locked_until = u.last_login
    from (select *, row_number() over (order by username) as n from users) u where user_id = u.id`;
  await database.sql`
    insert into user_sessions (user_id, refresh_token_id, user_agent, ip_address, expires_at, last_active, revoked_at)
    select id, gen_random_uuid(), case when email_verified then username end,
      case when email_verified then '10.0.0.1'::inet when role = 'user' then '::1' end, '2030-01-01', created_at, last_login
    from users`;
});
afterAll(() => database.drop());

type Lists = (on: Repositories, options: ListOptions<never>) => Promise<Page<Record<string, unknown>>>;
const listings: readonly [name: string, Listing, Lists, visible: string][] = [
  ["users", userDefinition, (on, options) => on.users.list(options as never) as never, "deleted_at is null"],
  ["user_security", userSecurityDefinition, (on, options) => on.security.list(options as never) as never, "true"],
  [
    "user_security",
    userSecurityDefinition,
    (on, options) => on.failures.list(options as never) as never,
    "login_attempts > 0",
  ],
  ["user_sessions", userSessionDefinition, (on, options) => on.sessions.list(options as never) as never, "true"],
  ["audit_log", auditListing, (on, options) => on.audit.list(options as never) as never, "true"],
];

const sortable = ({ columns }: Listing) => Object.keys(columns).filter((field) => columns[field]?.dataType !== "json");

function sortsOf(listing: Listing): fc.Arbitrary<Required<Sort<never>>[]> {
  const sort = fc.record({
    field: fc.constantFrom(...sortable(listing)),
    direction: fc.constantFrom("asc", "desc"),
    nulls: fc.constantFrom("first", "last"),
  });
  return fc.array(sort, { minLength: 1, maxLength: 3 }) as never;
}

/** The keys in the same order, by a query without the service. */
async function truth([name, listing, , visible]: (typeof listings)[number], sort: readonly Required<Sort<never>>[]) {
  const parts = sort.map(({ field, direction, nulls }) => {
    const column = (listing.columns[field] as PgColumn).name;
    const compared = listing.normalizations?.[field] === undefined ? column : `lower(${column}) collate "C"`;
    return `${compared} ${direction} nulls ${nulls}`;
  });
  const key = (listing.key as PgColumn).name;
  const rows = await database.sql.unsafe(
    `select ${key} as key from ${name} where ${visible} order by ${[...parts, `${key} ${sort.at(-1)?.direction}`].join(", ")}`,
  );
  return rows.map((row) => String(row["key"]));
}

const keyOf = ({ columns, key }: Listing) => Object.keys(columns).find((field) => columns[field] === key) ?? "";

describe("a walk through the pages", () => {
  it.each(listings.map((each) => [each[0] + (each[3] === "login_attempts > 0" ? " that failed" : ""), each] as const))(
    "pages of %s have every row once and in order, forward and backward, for any order and page size",
    async (_, each) => {
      const [, listing, lists] = each;
      const on = repositoriesOn((await openPool(database.url)).db);
      const field = keyOf(listing);
      await fc.assert(
        fc.asyncProperty(sortsOf(listing), fc.integer({ min: 1, max: 30 }), async (sort, limit) => {
          const expected = await truth(each, sort);
          const pages: Page<Record<string, unknown>>[] = [];
          for (let cursor: string | null = null; ; ) {
            const page = await lists(on, { sort, limit, cursor });
            expect(page.hasNext).toBe(page.nextCursor !== null);
            expect(page.hasPrevious).toBe(page.previousCursor !== null);
            expect(page.hasPrevious).toBe(pages.length > 0);
            pages.push(page);
            expect(pages.length, "walks in a circle").toBeLessThanOrEqual(expected.length + 1);
            cursor = page.nextCursor;
            if (cursor === null) break;
            expect(page.items).toHaveLength(limit);
          }
          expect(pages.flatMap(({ items }) => items.map((row) => row[field]))).toEqual(expected);
          expect(pages).toHaveLength(Math.max(1, Math.ceil(expected.length / limit)));

          for (let at = pages.length - 1; at > 0; at--) {
            const before = await lists(on, { sort, limit, cursor: pages[at]?.previousCursor ?? null });
            expect(before.items).toEqual(pages[at - 1]?.items);
            expect(before.hasPrevious).toBe(at > 1);
            const again = await lists(on, { sort, limit, cursor: before.nextCursor });
            expect(again.items).toEqual(pages[at]?.items);
          }
        }),
        {
          // Each field alone, then generated orders.
          examples: sortable(listing).map((field): [Required<Sort<never>>[], number] => [
            [{ field, direction: "asc", nulls: "last" } as never],
            9,
          ]),
          numRuns: sortable(listing).length + 6,
        },
      );
    },
  );

  it("pages have each permanent row once and in order while other rows are inserted and deleted", {
    timeout: 60_000,
  }, async () => {
    const own = await createDatabase();
    try {
      const pool = await openPool(own.url, { DATABASE_POOL_MAX: "4" });
      const { users } = repositoriesOn(pool.db);
      await own.sql`
        insert into users (email, username, password_hash, created_at, last_login)
        select 'stays' || n || '@example.com', 'stays' || n, ${passwordHash}, '2026-11-01'::timestamptz + n % 50 * interval '1 microsecond',
          case when n % 2 = 0 then now() + n % 7 * interval '1 microsecond' end
        from generate_series(1, 150) n`;
      let walking = true;
      const comeAndGo = async (who: number) => {
        for (let n = 0; walking; n++) {
          await own.sql`
            insert into users (email, username, password_hash, created_at, last_login)
            select name || '@example.com', name, ${passwordHash}, '2026-11-01'::timestamptz + ${n % 50} * interval '1 microsecond',
              case when i % 2 = 0 then now() end
            from generate_series(1, 5) i, lateral (select 'goes' || i || '_' || ${who}::text || '_' || ${n}::text as name) named`;
          await own.sql`delete from users where username like ${`goes%\\_${who}\\_${n - 1}`}`;
        }
      };
      const others = [comeAndGo(1), comeAndGo(2)];
      const sorts: Sort<"createdAt" | "lastLogin" | "username">[][] = [
        [{ field: "createdAt", direction: "desc" }],
        [{ field: "lastLogin", nulls: "first" }],
        [{ field: "lastLogin", direction: "desc" }, { field: "createdAt" }],
        [{ field: "username" }],
      ];
      try {
        for (const sort of sorts) {
          for (const back of [false, true]) {
            const met: User[] = [];
            // The walk backward starts after the last row.
            let cursor = back ? (await users.list({ sort, limit: 7, page: 1_000 })).previousCursor : undefined;
            do {
              const page: Page<User> = await users.list({ sort, limit: 7, cursor });
              if (back) met.unshift(...page.items);
              else met.push(...page.items);
              cursor = back ? page.previousCursor : page.nextCursor;
            } while (cursor !== null);
            const stayed = met.filter(({ username }) => username.startsWith("stays")).map(({ id }) => id);
            const order = sort.map(
              ({ field, direction = "asc", nulls = "last" }) =>
                `${{ createdAt: "created_at", lastLogin: "last_login", username: 'lower(username) collate "C"' }[field]} ${direction} nulls ${nulls}`,
            );
            const expected = await own.sql.unsafe(
              `select id from users where username like 'stays%' order by ${order.join(", ")}, id ${sort.at(-1)?.direction ?? "asc"}`,
            );
            expect(stayed).toEqual(expected.map((row) => row["id"]));
          }
        }
      } finally {
        walking = false;
        await Promise.all(others);
      }
    } finally {
      await own.drop();
    }
  });
});

describe("a page", () => {
  const two: ListOptions<User> = {
    where: { username: { in: ["player-1", "player-2", "player_3", "player-4"] } },
    limit: 2,
  };
  const on = async () => repositoriesOn((await openPool(database.url)).db).users;

  it("its statement is prepared once for all values of a filter by equality, and not for ranges", async () => {
    // Through a pooler nothing is prepared.
    const { db } = await openPool(database.directUrl, { DATABASE_POOL_MAX: "1", DATABASE_POOL_MIN: "0" });
    const on = repositoriesOn(db);
    const prepared = async () => {
      const [row] = await db.execute(sql`
        select count(*)::int as count from pg_prepared_statements where statement ~ 'from "public"."audit_log".* limit'`);
      return row?.["count"];
    };
    const bySubject = { ...(await on.audit.list()).items[0] }.subjectId ?? "";
    const from = new Date("2026-01-01");
    for (const where of [{ createdAt: { gte: from } }, { subjectId: bySubject, createdAt: { lt: from } }]) {
      await on.audit.list({ where });
    }
    expect(await prepared()).toBe(1);
    for (const subjectId of [bySubject, "00000000-0000-4000-8000-000000000001"]) {
      for (const limit of [1, 50]) await on.audit.list({ where: { and: [{ subjectId }, {}] }, limit });
    }
    expect(await prepared()).toBe(2);
  });

  it("a full last page has no next page", async () => {
    const users = await on();
    const first = await users.list(two);
    expect([first.hasNext, first.hasPrevious]).toEqual([true, false]);
    const last = await users.list({ ...two, cursor: first.nextCursor });
    expect(last).toMatchObject({ hasNext: false, nextCursor: null, hasPrevious: true });
    expect(last.items).toHaveLength(2);
  });

  it("an empty listing has one page, which is the first and the last", async () => {
    const users = await on();
    expect(await users.list({ where: { username: "nobody" }, total: "exact" })).toEqual({
      items: [],
      nextCursor: null,
      previousCursor: null,
      hasNext: false,
      hasPrevious: false,
      total: 0,
      pageCount: 0,
    });
  });

  it.each(["forwards", "backwards"])(
    "a page that became empty, walking %s, has a cursor to the remaining rows",
    async (way) => {
      const own = await createDatabase();
      try {
        const { users } = repositoriesOn((await openPool(own.url)).db);
        await own.sql`
        insert into users (email, username, password_hash, created_at)
        select 'u' || n || '@example.com', 'user_' || n, ${passwordHash}, now() - n * interval '1 second' from generate_series(1, 6) n`;
        const names = ({ items }: Page<User>) => items.map(({ username }) => username);
        const first = await users.list({ limit: 2 });
        const second = await users.list({ limit: 2, cursor: first.nextCursor });
        if (way === "forwards") {
          await own.sql`delete from users where username in ('user_5', 'user_6')`;
          const empty = await users.list({ limit: 2, cursor: second.nextCursor });
          expect(empty).toMatchObject({ items: [], hasNext: false, hasPrevious: true });
          const back = await users.list({ limit: 2, cursor: empty.previousCursor });
          expect(names(back)).toEqual(["user_3", "user_4"]);
          expect(back).toMatchObject({ hasNext: false, hasPrevious: true });
        } else {
          await own.sql`delete from users where username in ('user_1', 'user_2')`;
          const empty = await users.list({ limit: 2, cursor: second.previousCursor });
          expect(empty).toMatchObject({ items: [], hasNext: true, hasPrevious: false });
          const forth = await users.list({ limit: 2, cursor: empty.nextCursor });
          expect(names(forth)).toEqual(["user_3", "user_4"]);
          expect(forth).toMatchObject({ hasNext: true, hasPrevious: false });
        }
      } finally {
        await own.drop();
      }
    },
  );

  it.each([1, 5, 23, 24, 100])(
    "a page by number, with %i rows a page, has the rows of its position and the total",
    async (limit) => {
      const users = await on();
      const expected = await truth(listings[0] as never, [
        { field: "createdAt", direction: "desc", nulls: "last" } as never,
      ]);
      const count = Math.ceil(23 / limit);
      for (const page of [1, 2, count, count + 1]) {
        const found = await users.list({ limit, page, total: "exact" });
        expect(found.items.map(({ id }) => id)).toEqual(expected.slice((page - 1) * limit, page * limit));
        expect(found).toMatchObject({ total: 23, pageCount: count, hasNext: page < count, hasPrevious: page > 1 });
        // A cursor leads from a numbered page to the next and to the previous page.
        const next = found.nextCursor === null ? undefined : await users.list({ limit, cursor: found.nextCursor });
        if (next) expect(next.items.map(({ id }) => id)).toEqual(expected.slice(page * limit, (page + 1) * limit));
        if (found.previousCursor !== null) {
          const end = Math.min((page - 1) * limit, 23);
          const previous = await users.list({ limit, cursor: found.previousCursor });
          expect(previous.items.map(({ id }) => id)).toEqual(expected.slice(Math.max(end - limit, 0), end));
        }
      }
    },
  );

  it("a listing returns an exact or estimated total only on request", async () => {
    const users = await on();
    await database.sql`analyze users`;
    expect(await users.list({ limit: 5 })).toMatchObject({ total: null, pageCount: null });
    expect(await users.list({ limit: 5, total: "estimated" })).toMatchObject({ total: 23, pageCount: 5 });
    const banned = await users.list({ limit: 5, where: { status: "banned" }, total: "estimated" });
    expect(banned.total).toBeGreaterThan(2);
    expect(banned.total).toBeLessThan(15);
    expect((await users.list({ where: { status: "banned" }, total: "exact" })).total).toBe(8);
  });

  it("a listing counts the rows of all pages with a cursor, and sees the writes of its transaction", async () => {
    const { db } = await openPool(database.url);
    await db
      .transaction(async (tx) => {
        const { users } = repositoriesOn(tx);
        await users.hardDelete({ name: "system:test" }, (await users.list({ limit: 1 })).items[0]?.id ?? "");
        const first = await users.list({ limit: 5, total: "exact" });
        const second = await users.list({ limit: 5, total: "exact", cursor: first.nextCursor });
        expect([first.total, second.total]).toEqual([22, 22]);
        throw new Error("undo");
      })
      .catch((error: Error) => expect(error.message).toBe("undo"));
  });

  it.each([
    [
      "a page number that is too high",
      { page: 502, limit: 20 },
      "page: at most 10000 rows can be skipped. Follow nextCursor to go deeper.",
    ],
  ])("a listing refuses %s and names the remedy", async (_, options, message) => {
    const users = await on();
    await expect(users.list(options)).rejects.toThrow(new InvalidInputError(message, { field: "page" }));
    expect((await users.list({ page: 501, limit: 20 })).items).toEqual([]);
  });

  it("a listing refuses a page number together with a cursor", async () => {
    const users = await on();
    const { nextCursor: cursor } = await users.list({ limit: 2 });
    await expect(users.list({ limit: 2, cursor, page: 2 })).rejects.toThrow(
      "page: give either a cursor or the number of a page.",
    );
  });

  it("an order of more than ten fields adds no fields to the rows", async () => {
    const users = await on();
    const sort = Array.from({ length: 12 }, (_, n) => ({ field: n % 2 ? "role" : "status" }) as const);
    const [first] = (await users.list({ sort, limit: 1 })).items;
    expect(Object.keys(first ?? {}).sort()).toEqual(Object.keys(userDefinition.columns).sort());
  });

  it("a listing refuses options outside of their limits", () => {
    const input = listInput(userDefinition);
    const message = (options: unknown) =>
      input
        .safeParse(options)
        .error?.issues.map((issue) => issue.message)
        .join("; ");
    expect(message({ limit: 0 })).toBe("must be at least 1");
    expect(message({ limit: 101 })).toBe("must be at most 100");
    expect(message({ limit: 1.5 })).toBe("must be a whole number");
    expect(message({ page: 0 })).toBe("must be at least 1");
    expect(message({ sort: [{ field: "passwordHash" }] })).toMatch(/must be one of id, email/);
    expect(message({ sort: { field: "metadata" } })).toMatch(/must be one of id, email/);
    expect(message({ sort: Array.from({ length: 4 }, () => ({ field: "id" })) })).toBe("must have at most 3 fields");
    expect(message({ cursor: "x".repeat(12_001) })).toBe("is not one of this service");
    expect(
      message({ sort: [{ field: "role", direction: "desc", nulls: "first" }], limit: 100, cursor: null }),
    ).toBeUndefined();
  });
});

describe("a cursor", () => {
  const foreign =
    "cursor: is not one of this service: pass nextCursor or previousCursor unchanged, or no cursor for the first page";
  const first = async (on: Repositories) => (await on.users.list({ limit: 2 })).nextCursor ?? "";

  it("a listing refuses a cursor with a changed, missing or additional character", async () => {
    const on = repositoriesOn((await openPool(database.url)).db);
    const cursor = await first(on);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const others = [...cursor].flatMap((letter, at) => {
      const index = alphabet.indexOf(letter);
      return [1, 2, 16, 32].map((by) => cursor.slice(0, at) + alphabet[index ^ by] + cursor.slice(at + 1));
    });
    others.push(
      cursor.slice(1),
      cursor.slice(0, -1),
      `${cursor}A`,
      `${cursor}=`,
      `${cursor}\n`,
      ` ${cursor}`,
      "",
      "x",
      "*",
      "é",
    );
    for (const other of others) {
      await expect(on.users.list({ limit: 2, cursor: other }), other).rejects.toThrow(
        new InvalidInputError(foreign, { field: "cursor" }),
      );
    }
  });

  it("a listing refuses any text that is not a cursor, without another error", async () => {
    const on = repositoriesOn((await openPool(database.url)).db);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), fc.base64String()), async (cursor) => {
        await expect(on.users.list({ cursor })).rejects.toThrow(new InvalidInputError(foreign, { field: "cursor" }));
      }),
      { numRuns: 40 },
    );
  });

  it("a listing refuses a cursor of another listing, filter or order with a message for each", async () => {
    const on = repositoriesOn((await openPool(database.url)).db);
    const cursor = await first(on);
    const other = "cursor: belongs to another filter or order: pass the same where and sort, or no cursor";
    await expect(on.audit.list({ cursor })).rejects.toThrow("cursor: belongs to another listing");
    await expect(on.users.list({ cursor, where: { status: "active" } })).rejects.toThrow(other);
    await expect(on.users.list({ cursor, sort: { field: "createdAt" } })).rejects.toThrow(other);
    await expect(on.users.list({ cursor, sort: { field: "id", direction: "desc" } })).rejects.toThrow(other);
    const failing = (await on.failures.list({ sort: { field: "userId" }, limit: 1 })).nextCursor;
    await expect(on.security.list({ sort: { field: "userId" }, limit: 1, cursor: failing })).rejects.toThrow(
      "belongs to another listing",
    );
    const seen = on.users.withVisibility("with");
    await expect(seen.list({ cursor })).rejects.toThrow("belongs to another listing");
  });

  it("a listing accepts a cursor for an equivalent filter and order, and for another page size", async () => {
    const on = repositoriesOn((await openPool(database.url)).db);
    const where = { status: "active", role: { in: ["user", "admin"] } } as const;
    const { nextCursor: cursor } = await on.users.list({ where, limit: 1 });
    const same = { role: { in: ["user", "admin"], ne: undefined }, status: "active", email: undefined } as const;
    const { items } = await on.users.list({
      where: same,
      sort: [{ field: "createdAt", direction: "desc", nulls: "last" }],
      limit: 5,
      cursor,
    });
    expect(items.length).toBeGreaterThan(1);
  });

  it("a listing accepts a cursor of an instance with the same key or an older one, and refuses one of another key", async () => {
    const { db } = await openPool(database.url);
    const optionsOf = (...keys: string[]) => ({ cursorKeys: keys.map((key) => Buffer.from(key)), scanLimit: 1_000 });
    const cursor = await first(createRepositories(db, optionsOf("one")));
    const page = await createRepositories(db, optionsOf("one")).users.list({ limit: 2, cursor });
    expect(page.items).toHaveLength(2);
    const rotated = createRepositories(db, optionsOf("newer", "one"));
    expect((await rotated.users.list({ limit: 2, cursor })).items).toEqual(page.items);
    const stranger = createRepositories(db, optionsOf("another"));
    await expect(stranger.users.list({ limit: 2, cursor })).rejects.toThrow(foreign);
  });
});
