import { drizzle } from "drizzle-orm/postgres-js";
import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListOptions, Page } from "../../src/query/filter.ts";
import { choosePath } from "../../src/query/index-path.ts";
import type { IndexPath, ListedColumns, Listing } from "../../src/query/listing.ts";
import { orderOf } from "../../src/query/order.ts";
import { auditListing } from "../../src/repositories/audit-log.ts";
import type { Repositories } from "../../src/repositories/repositories.ts";
import { failuresDefinition, userSecurityDefinition } from "../../src/repositories/user-security.ts";
import { userSessionDefinition } from "../../src/repositories/user-sessions.ts";
import { userDefinition } from "../../src/repositories/users.ts";
import { createDatabase, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";

type Options = ListOptions<never> & { scan?: boolean };
type Row = Readonly<Record<string, unknown>>;
type Lists = (on: Repositories, options: Options) => Promise<Page<never>>;

const listings: Readonly<Record<string, readonly [Listing, Lists]>> = {
  users: [userDefinition, (on, options) => on.users.list(options as never) as never],
  security: [userSecurityDefinition, (on, options) => on.security.list(options as never) as never],
  failures: [failuresDefinition, (on, options) => on.failures.list(options as never) as never],
  sessions: [userSessionDefinition, (on, options) => on.sessions.list(options as never) as never],
  audit: [auditListing, (on, options) => on.audit.list(options as never) as never],
};

let database: TestDatabase;
let client: postgres.Sql;
/** The sent statements with their parameters. */
let sent: { text: string; values: unknown[] }[];
let on: Repositories;
/** A row of each listing with the most frequent values. */
const common: Record<string, Row> = {};

beforeAll(async () => {
  database = await createDatabase();
  // No listing uses these indexes, and they slow down the inserts most.
  await database.sql`drop index idx_users_metadata, idx_users_status`;
  await database.sql`alter table users drop constraint users_metadata_keys_check, drop constraint users_metadata_depth_check`;
  await database.sql.begin(async (sql) => {
    // Without the audit trail and foreign-key checks.
    await sql`set local session_replication_role = replica`;
    await sql`
      insert into users (email, username, password_hash, status, role, created_at, last_login, deleted_at)
      select 'Player' || n || '@example.com', 'player_' || n, ${passwordHash},
        case when n % 100 = 0 then 'banned' else 'active' end, case when n % 100 = 1 then 'admin' else 'user' end,
        '2026-01-01'::timestamptz + n / 3 * interval '1 second', case when n % 3 = 0 then now() end, case when n % 20 = 0 then now() end
      from generate_series(1, 100000) n`;
    await sql`
      insert into user_security (user_id, login_attempts, last_attempt_at)
      select id, case when n % 8 = 0 then 1 else 0 end, case when n % 64 > 0 then created_at end
      from (select id, created_at, substr(username, 8)::int as n from users) u`;
    await sql`
      insert into user_sessions (user_id, refresh_token_id, expires_at)
      select id, gen_random_uuid(), now() + interval '1 day' from users where username < 'player_13' or username = 'player_7'
      union all select id, gen_random_uuid(), now() + interval '1 day' from users, generate_series(1, 30) where username = 'player_7'`;
    await sql`
      insert into audit_log (user_id, subject_id, actor, action, resource_type, resource_id, created_at)
      select case when n % 3 > 0 then id end, case when n % 3 > 0 then id end, 'user:' || n % 3 / 2, case when n % 7 = 0 then 'insert' else 'update' end, 'users', n / 5,
        date_trunc('month', now()) + n * interval '70 seconds'
      from generate_series(1, 60000) n, users where username = 'player_7'`;
  });
  await database.sql`analyze users, user_security, user_sessions, audit_log`;

  // PgBouncer 1.18 has no prepared statements, which the repositories of this client would use.
  client = postgres(database.directUrl, { max: 1, onnotice: () => {} });
  const logger = { logQuery: (text: string, values: unknown[]) => void sent.push({ text, values }) };
  on = repositoriesOn(drizzle(client, { logger }), { scanLimit: 1_000 });
  sent = [];
  const player = await on.users.findByUsername("player_7");
  common["users"] = { ...player };
  common["security"] = { ...(await on.security.findById(player.id)) };
  common["failures"] = { ...(await on.failures.list({ limit: 1 })).items[0] };
  common["sessions"] = { ...(await on.sessions.list({ where: { userId: player.id }, limit: 1 })).items[0] };
  common["audit"] = { ...(await on.audit.list({ where: { userId: player.id }, limit: 1 })).items[0] };
}, 120_000);
afterAll(async () => {
  await client.end();
  await database.drop();
});

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly Plans?: readonly Node[];
}

/** What the statements of a call read, by EXPLAIN ANALYZE of each. */
async function workOf(call: () => Promise<unknown>) {
  sent = [];
  await call();
  const statements = sent.filter(({ text }) => text.startsWith("select ") && !text.includes("pg_class"));
  expect(statements.length).toBeGreaterThan(0);
  const work = { read: 0, sorted: 0, scanned: [] as string[], pages: 0 };
  for (const { text, values } of statements) {
    const [row] = await client.unsafe(`explain (analyze, buffers, timing off, format json) ${text}`, values as never[]);
    const [{ Plan }] = (row as postgres.Row)["QUERY PLAN"] as [{ Plan: Node }];
    work.pages += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
    visit(Plan, work);
  }
  return work;
}

function visit(node: Node, work: Awaited<ReturnType<typeof workOf>>): void {
  const loops = node["Actual Loops"];
  const rows =
    (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0)) *
    loops;
  if (node["Relation Name"] !== undefined) work.read += rows;
  // An empty partition may be scanned.
  if (node["Node Type"] === "Seq Scan" && rows > 0) work.scanned.push(node["Relation Name"] ?? "");
  for (const inner of node.Plans ?? []) {
    if (node["Node Type"] === "Sort") work.sorted += inner["Actual Rows"] * inner["Actual Loops"];
    visit(inner, work);
  }
}

const isNullable = ({ columns }: Listing, field: string) => columns[field]?.notNull === false;

/** Requests that an index path serves. */
function questionsOf(name: string, listing: Listing, { equal = [], sort = [], selective, prefix }: IndexPath<string>) {
  const row = common[name] as Row;
  const where = Object.fromEntries(equal.map((field) => [field, row[field]]));
  if (selective) {
    const orders = [
      undefined,
      ...Object.keys(listing.columns).filter((field) => listing.columns[field]?.dataType === "date"),
    ];
    return orders.map((field) => ({ where, ...(field && { sort: { field } }) }));
  }
  const [first = ""] = sort;
  return (["asc", "desc"] as const).flatMap((direction) => {
    const nulls = isNullable(listing, first) && direction === "asc" ? "first" : "last";
    const order = sort.map((field) => ({ field, direction, nulls }));
    const stretches: object[] = [{}, { [first]: { gt: row[first] } }, { [first]: { lte: row[first] } }];
    if (prefix) stretches.push({ [first]: { like: `${String(row[first]).slice(0, 4)}*` } });
    return stretches.map((stretch) => ({ where: { ...where, ...stretch }, sort: order }));
  });
}

/** A field of each listing that no index is ordered by. */
const unanswered: Record<string, string> = {
  users: "lastLogin",
  security: "lockedUntil",
  failures: "lockedUntil",
  sessions: "expiresAt",
  audit: "resourceId",
};

const paths = Object.entries(listings).flatMap(([name, [listing, lists]]) =>
  listing.indexPaths.map((path) => {
    const { equal = [], sort = [], selective } = path;
    const title = `${name}: ${equal.length > 0 ? `where ${equal.join(" and ")} equal` : "all"}${selective ? "" : ` by ${sort.join()}`}`;
    return [title, { name, listing, lists, path }] as const;
  }),
);

describe("an index path", () => {
  it.each(paths)(
    "an index serves %s and reads little more than the page",
    async (_, { name, listing, lists, path }) => {
      for (const question of questionsOf(name, listing, path)) {
        const asked = { ...question, limit: 20 } as never as Options;
        const look = async (page: string, options: Options) => {
          const work = await workOf(() => lists(on, options));
          const what = `${page} of ${JSON.stringify(question)}: ${JSON.stringify(work)}`;
          expect(work.scanned, what).toEqual([]);
          expect(work.read, what).toBeLessThan(150);
          expect(work.pages, what).toBeLessThan(300);
          expect(work.sorted, what).toBeLessThan(150);
        };
        await look("first page", asked);
        const next = await lists(on, asked);
        if (next.nextCursor) await look("second page", { ...asked, cursor: next.nextCursor });
        if (path.selective) continue;
        // The highest page number, and a cursor from there.
        const deep = await lists(on, { ...asked, page: 500 });
        if (deep.nextCursor) await look("page far behind", { ...asked, cursor: deep.nextCursor });
        if (deep.items.length > 0) await look("page before one far behind", { ...asked, cursor: deep.previousCursor });
      }
    },
  );

  it("an index serves the page on which rows with null begin", async () => {
    const { nextCursor } = await on.failures.list({
      sort: { field: "lastAttemptAt", nulls: "first" },
      limit: 100,
      page: 15,
    });
    const sort = { field: "lastAttemptAt", nulls: "first" } as const;
    const across = await on.failures.list({ sort, limit: 100, cursor: nextCursor });
    expect(new Set(across.items.map(({ lastAttemptAt }) => lastAttemptAt === null))).toEqual(new Set([true, false]));
    const { read, scanned } = await workOf(() => on.failures.list({ sort, limit: 100, cursor: nextCursor }));
    expect([read < 300, scanned]).toEqual([true, []]);
  });
});

const isSortable = (listing: { columns: ListedColumns }, field: string) =>
  !["json", "array"].includes(listing.columns[field]?.dataType ?? "");

describe("a request that no index serves on a large table", () => {
  const unserved = Object.entries(listings).flatMap(([name, [listing, lists]]) => {
    const fields = Object.keys(listing.columns).filter((field) => isSortable(listing, field));
    return fields
      .filter(
        (field) => !listing.indexPaths.some(({ equal = [], sort = [] }) => equal.length === 0 && sort[0] === field),
      )
      .map((field) => ({ name, field, lists, table: listing }));
  });

  it.each(unserved)("a listing refuses $name by $field and names the served requests", async ({ field, lists }) => {
    await expect(lists(on, { sort: { field } as never })).rejects.toThrow(
      /^where: no index answers this filter in this order, and none finds few rows by a part of it\. Ask for rows .*equals a value.* \(the table has about [\d,]+ rows, more than 1,000\)\.$/,
    );
  });

  it("a listing names every index path in the error", async () => {
    await expect(on.audit.list({ sort: { field: "requestId" } })).rejects.toThrow(
      "Ask for rows sorted by createdAt; or where resourceType and resourceId equals a value, sorted by createdAt; " +
        "or where userId equals a value, sorted by createdAt; or where subjectId equals a value, sorted by createdAt; or where actor equals a value, sorted by createdAt; " +
        "or where action equals a value, sorted by createdAt (the table has about 60,000 rows",
    );
  });

  it.each(Object.entries(listings))(
    "a listing scans %s if the caller allows it, or the table is below the limit",
    async (name, [, lists]) => {
      const roomy = repositoriesOn(drizzle(client), { scanLimit: 1_000_000 });
      const options = { sort: { field: unanswered[name] } } as never as Options;
      await expect(lists(on, options)).rejects.toThrow("no index answers");
      expect((await lists(on, { ...options, limit: 1, scan: true })).items).toHaveLength(1);
      expect((await lists(roomy, { ...options, limit: 1 })).items).toHaveLength(1);
    },
  );

  it("a listing refuses an exact count of a large table unless the caller allows a scan, and accepts an estimate", async () => {
    await expect(on.users.list({ total: "exact" })).rejects.toThrow(
      'total: ask for "estimated", or for "none" (the table has about 100,000 rows, more than 1,000).',
    );
    await expect(on.users.count({ status: "active" })).rejects.toThrow(
      "where: this many rows cannot be counted one by one (the table has about 100,000 rows, more than 1,000).",
    );
    expect(await on.users.count({ status: "banned" }, { scan: true })).toBe(0);
    const { total } = await on.users.list({ total: "estimated" });
    expect(Math.abs((total ?? 0) - 95_000)).toBeLessThan(5_000);
    expect((await on.users.list({ where: { username: "PLAYER_7" }, total: "exact" })).total).toBe(1);
    expect(await on.users.count({ or: [{ username: "player_7" }, { email: "player8@EXAMPLE.com" }] })).toBe(2);
  });

  const few: [string, object, object][] = [
    ["audit", { resourceType: "users", resourceId: "5", action: "update" }, { field: "createdAt" }],
    ["audit", { resourceType: "users", resourceId: "5" }, { field: "action" }],
    ["users", { role: { eq: "admin", ne: "user" }, status: "active" }, { field: "createdAt" }],
    ["audit", { action: "insert", requestId: null }, { field: "createdAt", direction: "desc" }],
    ["users", { status: "active", role: "admin", username: { like: "*1" } }, { field: "lastLogin" }],
    ["users", { username: { like: "player_9999*" }, status: "active" }, { field: "username", direction: "desc" }],
    [
      "failures",
      { lastAttemptAt: { lt: new Date("2026-01-01T00:10Z") }, loginAttempts: 1 },
      { field: "loginAttempts" },
    ],
  ];
  it.each(few)(
    "a listing serves a filter of which an index finds few rows by a part: %s %j",
    async (name, where, sort) => {
      const [, lists] = listings[name] as (typeof listings)[string];
      const asked = { where, sort, limit: 3 } as never as Options;
      const work = await workOf(() => lists(on, asked));
      expect(work).toMatchObject({ scanned: [] });
      expect(work.read).toBeLessThan(20_002);
      // The pages are the same as without the limit.
      const walk = async (options: object) => {
        const pages = [await lists(on, { ...asked, ...options, total: "exact" } as never)];
        for (let page = pages[0]; page?.nextCursor && pages.length < 4; pages.push(page))
          page = await lists(on, { ...asked, ...options, cursor: page.nextCursor } as never);
        return pages.map(({ items, total }) => ({ items, total }));
      };
      const pages = await walk({});
      expect(pages[0]?.items.length).toBeGreaterThan(0);
      expect(pages).toEqual(await walk({ scan: true }));
    },
  );

  it("a listing refuses a filter of which every indexed part finds many rows", async () => {
    const { userId } = common["audit"] as { userId: string };
    const many = { userId, action: "update", createdAt: { gt: new Date(0) } };
    await expect(on.audit.list({ where: many })).rejects.toThrow("where: no index answers");
    await expect(on.audit.list({ where: { userId }, total: "exact" })).rejects.toThrow("total: ask for");
    const some = await on.audit.list({ where: { action: "insert" }, total: "exact", limit: 1 });
    expect(some.total).toBe(8_571);
    expect(await on.users.count({ status: "banned", role: "user", metadata: { contains: {} } })).toBe(0);
  });

  it("lowers the limit of rows for patterns on long texts and for JSON", async () => {
    const some = { createdAt: { lt: new Date("2026-01-01T00:20Z") } };
    expect((await on.users.list({ where: { ...some, username: { like: "*7" } }, limit: 1 })).items).toHaveLength(1);
    await expect(on.users.list({ where: { ...some, metadata: { contains: { a: 1 } } } })).rejects.toThrow(
      "no index answers",
    );
    const fewer = { createdAt: { lt: new Date("2026-01-01T00:05Z") } };
    expect((await on.users.list({ where: { ...fewer, metadata: { contains: { a: 1 } } } })).items).toEqual([]);
    const { userId } = common["sessions"] as { userId: string };
    const patterns = Array.from({ length: 20 }, (_, n) => ({ userAgent: { like: `*${n}*` } }));
    await expect(on.audit.list({ where: { actor: "user:0", or: patterns } })).rejects.toThrow("more than 12)");
    expect((await on.sessions.list({ where: { userId, or: patterns } })).items).toEqual([]);
  });

  it("a listing refuses findOne without an index, and serves it with one", async () => {
    await expect(on.users.findOne({ lastLogin: null })).rejects.toThrow("no index answers");
    expect((await on.users.findOne({ email: "PLAYER9@example.com" }))?.username).toBe("player_9");
  });
});

describe("a value that occurs in one period only", () => {
  // The planner assumes that values are spread evenly, and would scan the index on the time past all other values.
  beforeAll(async () => {
    await database.sql`
      insert into audit_log (actor, action, resource_type, resource_id, created_at)
      select case when n <= 20000 then 'service:early' else 'service:' || n % 50 end, case when n <= 20000 then 'early' else 'late' || n % 50 end,
        'skewed', case when n <= 20000 then 'early' else 'late' end, date_trunc('month', now()) + interval '2 months' + n * interval '10 seconds'
      from generate_series(1, 60000) n`;
    await database.sql`analyze audit_log`;
  });

  const late = { gt: new Date(Date.UTC(2000, 0, 1)) };
  it.each([
    [{ actor: "service:early" }],
    [{ action: { in: ["early"] } }],
    [{ actor: "service:early", createdAt: late }],
    [{ resourceType: "skewed", resourceId: "early" }],
  ])("a filter on a value that occurs in one period only uses the index of that value: %j", async (where) => {
    for (const direction of ["desc", "asc"] as const) {
      const asked = { where, sort: { field: "createdAt", direction }, limit: 20 } as const;
      const { read, pages } = await workOf(() => on.audit.list(asked));
      expect([direction, read < 150, pages < 300]).toEqual([direction, true, true]);
      const { nextCursor, items } = await on.audit.list({ ...asked, page: 400 });
      expect(items).toHaveLength(20);
      const next = await workOf(() => on.audit.list({ ...asked, cursor: nextCursor }));
      expect([direction, next.read < 150]).toEqual([direction, true]);
    }
  });

  it("a listing stops counting the rows of a frequent value at the limit", async () => {
    sent = [];
    const where = { actor: "service:early", resourceId: "late" };
    await expect(on.audit.list({ where })).rejects.toThrow("no index answers");
    const probes = sent.filter(({ text }) => text.includes("count(*)"));
    for (const { text, values } of probes) {
      const [row] = await client.unsafe(
        `explain (analyze, buffers, timing off, format json) ${text}`,
        values as never[],
      );
      const work = { read: 0, sorted: 0, scanned: [] as string[], pages: 0 };
      visit((row as postgres.Row)["QUERY PLAN"][0].Plan, work);
      expect(work.read).toBeLessThan(10_100);
    }
    expect(probes).toHaveLength(1);
  });
});

describe("findIndexPath", () => {
  it.each(["player_7", "player_7*", "PLAYER_7*"])("an index serves the literal or prefix pattern %s", (like) => {
    expect(
      choosePath({ username: { like } }, orderOf({ field: "username" }, userDefinition), userDefinition),
    ).toBeDefined();
  });

  it.each(["*", "*7", "player*7", "player**", "p\\*", "player\\*"])("no index serves the pattern %s", (like) => {
    expect(
      choosePath({ username: { like } }, orderOf({ field: "username" }, userDefinition), userDefinition),
    ).toBeUndefined();
  });

  /** Filters similar to those that indexes serve, with any order. */
  function questions(name: string, listing: Listing) {
    const fields = [...new Set(listing.indexPaths.flatMap(({ equal = [], sort = [] }) => [...equal, ...sort]))];
    const sortable = Object.keys(listing.columns).filter((field) => isSortable(listing, field));
    const condition = fc
      .constantFrom(...fields, ...fields, ...sortable)
      .filter((field) => common[name]?.[field] != null)
      .chain((field) => {
        const value = common[name]?.[field];
        const text = String(value);
        const operators: unknown[] = [
          value,
          value,
          { in: [value] },
          { in: [value, value] },
          { ne: value },
          { notIn: [value] },
        ];
        if (typeof value !== "boolean") operators.push({ gt: value }, { lte: value }, { gte: value, ne: value });
        if (/^varchar|^text/.test(listing.columns[field]?.getSQLType() ?? "")) {
          for (const like of [
            `${text.slice(0, 3)}*`,
            `${text.slice(0, 3)}*~`,
            `*${text.slice(-2)}`,
            "*",
            `${text.slice(0, 2)}\\*`,
            text,
          ])
            operators.push({ like }, { ilike: like });
        }
        return fc.constantFrom(...operators).map((operator) => ({ [field]: operator }));
      });
    const filter = fc.oneof(
      fc.constant({}),
      condition,
      condition,
      fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })),
      fc.tuple(condition, condition).map((and) => ({ and })),
      fc.tuple(condition, condition).map((or) => ({ or })),
      fc.tuple(condition, condition).map(([not, other]) => ({ not, ...other })),
    );
    const sort = fc.record({
      field: fc.constantFrom(...fields, ...sortable),
      direction: fc.constantFrom("asc", "desc"),
      nulls: fc.constantFrom("first", "last"),
    });
    return fc
      .record({ where: filter, sort: fc.array(sort, { maxLength: 2 }) })
      .filter(({ where, sort }) => choosePath(where, orderOf(sort as never, listing), listing) !== undefined);
  }

  it.each(Object.entries(listings))(
    "a listing reads a limited number of rows for every served request of %s",
    async (name, [listing, lists]) => {
      await fc.assert(
        fc.asyncProperty(questions(name, listing), async (question) => {
          const { read, scanned } = await workOf(() => lists(on, { ...question, limit: 20 } as never));
          expect(scanned).toEqual([]);
          expect(read).toBeLessThan(200);
        }),
        { numRuns: 100 },
      );
    },
  );
});
