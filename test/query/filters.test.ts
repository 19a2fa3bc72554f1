import { getTableColumns, is } from "drizzle-orm";
import { PgArray, type PgColumn } from "drizzle-orm/pg-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toDomainError } from "../../src/database/errors.ts";
import { InvalidInputError } from "../../src/errors.ts";
import type { Filter } from "../../src/query/filter.ts";
import { filterSchema } from "../../src/query/filter-schema.ts";
import type { Listing, ListingOf } from "../../src/query/listing.ts";
import { auditListing } from "../../src/repositories/audit-log.ts";
import type { Repositories } from "../../src/repositories/repositories.ts";
import type { User, UserSecurity, UserSession } from "../../src/repositories/row-types.ts";
import { userSecurityDefinition } from "../../src/repositories/user-security.ts";
import { userSessionDefinition } from "../../src/repositories/user-sessions.ts";
import { userDefinition } from "../../src/repositories/users.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";
import { type Kind, matches, type Plain } from "./filter-model.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`
    insert into users (email, username, password_hash, email_verified, status, role, created_at, last_login, metadata)
    select email, username, ${passwordHash}, verified, status, role, created_at::timestamptz, last_login::timestamptz, metadata::jsonb
    from (values
      ('mira@example.com', 'Mira_1', true, 'active', 'user', '2026-11-01 12:00:00.000001', null, '{}'),
      ('MIRA%X@example.com', 'mira-1', false, 'banned', 'admin', '2026-11-01 12:00:00', '2026-11-02 12:00:00', '{"guild": {"id": 7}}'),
      ('a*b\\c@example.com', 'MIRAx1', false, 'active', 'moderator', '2026-11-01 12:00:00.001', '2026-11-02 12:00:00.000999', '{"guild": {"id": 8, "rank": null}}'),
      ('a_b@example.org', 'zoe', true, 'suspended', 'user', '2026-11-01 12:00:00.000999', null, '{"guild": null}'),
      ('Aéb@example.org', 'Zo_e', true, 'active', 'user', '2026-11-01 11:59:59.999999', '2026-11-01 12:00:00', '{"rank": "7", "guild": {"id": "7"}}')
    ) as given (email, username, verified, status, role, created_at, last_login, metadata)`;
  await database.sql`
    insert into user_sessions (user_id, refresh_token_id, user_agent, ip_address, expires_at, created_at, last_active, revoked_at, factors)
    select (select id from users order by username offset n % 5 limit 1), gen_random_uuid(), agent, address::inet,
      '2030-01-01'::timestamptz + n * interval '1 microsecond', '2026-11-01', '2026-11-01 12:00:00'::timestamptz + n % 3 * interval '1 microsecond',
      case when n % 2 = 0 then '2026-11-01 12:00:00'::timestamptz + n % 3 * interval '500 microseconds' end,
      case n % 3 when 0 then '{}' when 1 then '{password}' else '{password,totp}'::text[] end
    from unnest(${[...agents]}::text[], ${[...addresses]}::text[]) with ordinality as given (agent, address, n)`;
  await database.sql`
    update user_security set login_attempts = case username when 'zoe' then 3 when 'Zo_e' then 2147483647 else 0 end,
      last_attempt_at = case when username ilike 'zo%' then '2026-11-01 12:00:00.0005'::timestamptz end
    from users where id = user_id`;
});
afterAll(() => database.drop());

const agents = [
  null,
  "",
  "%",
  "_",
  "\\",
  "*",
  "a",
  "A",
  "a%b",
  "a_b",
  "a\\b",
  "a*b",
  "a\\*b",
  "\\\\",
  "a\nb",
  "日本",
  "ab",
];
const addresses = agents.map((_, n) => [null, "10.0.0.1", "10.0.0.2", "9.9.9.9", "::1", "2001:db8::1"][n % 6] ?? null);

/** Texts with the special characters of patterns. */
const text = fc.oneof(
  fc.constantFrom(...agents.filter((agent) => agent !== null)),
  fc.string({ unit: fc.constantFrom("a", "B", "%", "_", "\\", "*", "'"), maxLength: 5 }),
);
const name = fc.constantFrom(
  "mira_1",
  "MIRA-1",
  "miraX1",
  "ZOE",
  "zo_e",
  "nobody",
  "mira@EXAMPLE.com",
  "A_B@example.org",
);
const pattern = fc
  .tuple(fc.constantFrom("", "*", "a", "m", "Mira", "\\", "%"), text, fc.constantFrom("", "*", "\\", "\\*", "*com"))
  .map((parts) => parts.join(""));
const time = fc
  .integer({ min: -1, max: 3 })
  .chain((ms) =>
    fc.constantFrom("2026-11-01T12:00:00Z", "2026-11-02T12:00:00Z").map((at) => new Date(Date.parse(at) + ms)),
  );
const json = fc.constantFrom({}, { guild: {} }, { guild: { id: 7 } }, { guild: null }, { rank: "7" }, { "a'b": 1 });

interface Field {
  readonly kind: Kind;
  readonly values: fc.Arbitrary<unknown>;
  readonly ordered?: boolean;
  readonly patterns?: boolean;
}

/** The values of a column by its type, so that filters of a new column are generated without a change here. */
function fieldOf(column: PgColumn, caseless: boolean): Field {
  const type = column.getSQLType();
  if (is(column, PgArray)) {
    const { values } = fieldOf(column.baseColumn, false);
    return { kind: "list", values: fc.array(values, { maxLength: 2 }) };
  }
  if (column.enumValues !== undefined)
    return { kind: "text", values: fc.constantFrom(...column.enumValues), patterns: true };
  if (caseless) return { kind: "caseless", values: name, patterns: true };
  if (type === "uuid") return { kind: "text", values: fc.uuid() };
  if (type === "inet")
    return { kind: "address", values: fc.constantFrom("10.0.0.1", "9.9.9.9", "::1", "0:0:0:0:0:0:0:1") };
  if (type === "integer") return { kind: "plain", values: fc.constantFrom(-1, 0, 3, 2147483647, -2147483648) };
  if (type === "boolean") return { kind: "plain", values: fc.boolean(), ordered: false };
  if (type === "jsonb") return { kind: "json", values: json };
  if (type.startsWith("timestamp")) return { kind: "time", values: time };
  return { kind: "text", values: text, patterns: true };
}

const fieldsOf = ({ columns, normalizations: forms }: Listing) =>
  Object.entries(columns).map(
    ([field, column]) =>
      [field, column as PgColumn, fieldOf(column as PgColumn, forms?.[field] !== undefined)] as const,
  );

const kindsOf = (listing: Listing) => Object.fromEntries(fieldsOf(listing).map(([field, , { kind }]) => [field, kind]));

/** Any filter of a listing. */
function filters(listing: Listing, known: readonly Plain[]): fc.Arbitrary<Filter<never>> {
  const conditions = fieldsOf(listing).map(([field, column, { kind, values, ordered = true, patterns }]) => {
    const isNull = { isNull: fc.boolean() };
    if (kind === "json" || kind === "list") {
      const asked = fc.record({ contains: values, ...isNull }, { requiredKeys: [] });
      return fc.record({ [field]: column.notNull ? asked : fc.option(asked) });
    }
    // Values of existing rows, so that some filters match.
    const there = known.map((row) => row[field]).filter((value) => typeof value === "string" && kind !== "time");
    const one = there.length === 0 ? values : fc.oneof(values, fc.constantFrom(...there));
    const list = fc.array(one, { maxLength: 4 });
    const operators = fc.record(
      {
        ...{ eq: one, ne: one, in: list, notIn: list, ...isNull },
        ...(ordered && { gt: one, gte: one, lt: one, lte: one }),
        ...(patterns && { like: pattern, ilike: pattern }),
      },
      { requiredKeys: [] },
    );
    // Mostly one operator: many together match no row.
    const few = operators.map((all) => Object.fromEntries(Object.entries(all).slice(0, 2)));
    const single = operators.chain((all) =>
      fc.nat(20).map((n) => Object.fromEntries(Object.entries(all).slice(n % 10, (n % 10) + 1))),
    );
    return fc.record({ [field]: fc.oneof(one, few, single, single, ...(column.notNull ? [] : [fc.constant(null)])) });
  });
  const condition = fc.oneof(...conditions);
  return fc.letrec<{ filter: Filter<never> }>((tie) => {
    const parts = fc.array(tie("filter"), { minLength: 1, maxLength: 3 });
    return {
      filter: fc.oneof(
        { maxDepth: 3, depthIdentifier: "filter" },
        condition,
        condition,
        fc.constant({}),
        fc.record({ not: tie("filter") }),
        fc.record({ or: parts }),
        fc.record({ and: parts }),
        fc.tuple(condition, condition, fc.record({ not: condition })).map((all) => Object.assign({}, ...all)),
      ) as never,
    };
  }).filter;
}

describe("a filter", () => {
  const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint::text as "${column}"`;

  /** The rows in the form of the model, read without the service, with a field for every listed column. */
  async function truth({ table, columns, key }: Listing, name: string): Promise<(Plain & { key: string })[]> {
    const asked = Object.values(columns as Record<string, PgColumn>).map((column) => {
      if (column.getSQLType().startsWith("timestamp")) return micros(column.name);
      return column.getSQLType() === "inet" ? `host(${column.name}) as "${column.name}"` : column.name;
    });
    const rows = await database.sql.unsafe(`select ${asked.join(", ")} from ${name}`);
    expect(Object.keys(getTableColumns(table)).length).toBeGreaterThan(asked.length - 1);
    return rows.map((row) => ({
      ...Object.fromEntries(
        Object.entries(columns as Record<string, PgColumn>).map(([field, column]) => {
          const value: unknown = row[column.name];
          const isTime = column.getSQLType().startsWith("timestamp") && value !== null;
          return [field, isTime ? BigInt(String(value)) : value];
        }),
      ),
      key: String(row[key.name]),
    }));
  }

  const all: readonly [
    string,
    Listing,
    (on: Repositories, where: Filter<never>) => Promise<readonly object[]>,
    string,
  ][] = [
    ["users", userDefinition, async (on, where) => (await on.users.list({ where, limit: 100 })).items, "id"],
    [
      "user_security",
      userSecurityDefinition,
      async (on, where) => (await on.security.list({ where, limit: 100 })).items,
      "userId",
    ],
    [
      "user_sessions",
      userSessionDefinition,
      async (on, where) => (await on.sessions.list({ where, limit: 100 })).items,
      "id",
    ],
    ["audit_log", auditListing, async (on, where) => (await on.audit.list({ where, limit: 100 })).items, "id"],
  ];

  it.each(all)("every filter of %s finds the rows that the model finds", async (name, listing, find, key) => {
    const repositories = repositoriesOn((await openPool(database.url)).db);
    const rows = await truth(listing, name);
    const schema = filterSchema(listing as Listing as ListingOf<unknown>);
    await fc.assert(
      fc.asyncProperty(filters(listing, rows), async (filter) => {
        // Through the schema, as for a request. The schema accepts all generated filters.
        const found = await find(repositories, schema.parse(filter) as Filter<never>);
        const expected = rows.filter((row) => matches(row, filter, kindsOf(listing)));
        expect(found.map((row) => (row as Plain)[key]).sort()).toEqual(expected.map((row) => row.key).sort());
      }),
      { numRuns: 200 },
    );
  });

  it("the users repository counts as many users as it lists for every filter", async () => {
    const { users } = repositoriesOn((await openPool(database.url)).db);
    await fc.assert(
      fc.asyncProperty(filters(userDefinition, await truth(userDefinition, "users")), async (where) => {
        const { items, total } = await users.list({ where, limit: 100, total: "exact" });
        expect([total, await users.count(where)]).toEqual([items.length, items.length]);
      }),
      { numRuns: 40 },
    );
  });

  it("a filter finds an email regardless of the case of its ASCII letters", async () => {
    const { users } = repositoriesOn((await openPool(database.url)).db);
    for (const email of ["AÉB@example.org", "Aéb@EXAMPLE.org", "aéB@example.org"]) {
      const [expected] =
        await database.sql`select count(*)::int as n from users where lower(email) = lower(${email} collate "C")`;
      for (const condition of [
        email,
        { eq: email },
        { in: [email] },
        { like: email },
        { ilike: `${email.slice(0, 3)}*` },
        { gte: email, lte: email },
      ])
        expect(await users.count({ email: condition }), JSON.stringify(condition)).toBe(expected?.["n"]);
    }
  });

  it.each([
    ["\\", ["\\"]],
    ["\\*", ["*"]],
    ["\\\\*", []],
    ["a\\\\*b", ["a\\*b"]],
    ["*\\", ["\\", "\\\\"]],
    ["a%*", ["a%b"]],
    ["_*", ["_"]],
    ["a*b", ["a%b", "a_b", "a\\b", "a*b", "a\\*b", "a\nb", "ab"]],
    ["*", agents.filter((agent) => agent !== null)],
  ])("like matches the pattern %j literally, except for stars and an escaped star", async (like, expected) => {
    const { sessions } = repositoriesOn((await openPool(database.url)).db);
    const { items } = await sessions.list({ where: { userAgent: { like } }, limit: 100 });
    expect(items.map(({ userAgent }) => userAgent).sort()).toEqual(expected.sort());
  });

  it("a filter reports text that PostgreSQL cannot store as invalid input, also without validation by the schema", async () => {
    const { users, sessions } = repositoriesOn((await openPool(database.url)).db);
    for (const asked of [
      () => users.count({ email: "a\0" }),
      () => sessions.count({ userAgent: { like: "\0*" } }),
      () => users.count({ metadata: { contains: { a: "\ud800" } } }),
    ])
      expect(toDomainError(await asked().catch((error: unknown) => error))).toBeInstanceOf(InvalidInputError);
  });
});

describe("a filter is refused", () => {
  const users = filterSchema(userDefinition);
  const messageFor = (filter: unknown, schema: { safeParse: typeof users.safeParse } = users) => {
    const { error } = schema.safeParse(filter);
    return error?.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`).join("; ");
  };
  const nested = (depth: number): unknown => (depth === 0 ? { role: "user" } : { not: nested(depth - 1) });
  const wide = (parts: number) => ({ or: Array.from({ length: parts }, () => ({ role: "user" })) });

  it.each([
    ["for an unknown field", { name: "x" }, ': Unrecognized key: "name"'],
    ["for an unknown operator", { email: { regex: "x" } }, 'email: Unrecognized key: "regex"'],
    ["for the operator of another type", { emailVerified: { gt: true } }, 'emailVerified: Unrecognized key: "gt"'],
    ["for a pattern on a column that is not a text", { id: { like: "a*" } }, 'id: Unrecognized key: "like"'],
    [
      "for a key that reaches the prototype",
      JSON.parse('{"__proto__": {"isNull": true}}'),
      ': Unrecognized key: "__proto__"',
    ],
    ["for a field of every object", { constructor: "x" }, ': Unrecognized key: "constructor"'],
    ["for a text in place of an id", { id: "x" }, "id: must be a UUID"],
    [
      "for a text in place of a time",
      { createdAt: "2026-11-01" },
      "createdAt: must be a date of the years 1 to 9999, which superjson's meta names as one",
    ],
    [
      "for an invalid date",
      { createdAt: { gt: new Date(Number.NaN) } },
      "createdAt.gt: must be a date of the years 1 to 9999, which superjson's meta names as one",
    ],
    [
      "for null on a column that is not nullable",
      { email: null },
      "email: Invalid input: expected never, received null",
    ],
    [
      "for a value that is not in the enumeration",
      { status: "gone" },
      'status: Invalid option: expected one of "active"|"suspended"|"banned"',
    ],
    ["for null in a list", { email: { in: [null] } }, "email.in.0: Invalid input: expected string, received null"],
    ["for an empty or", { or: [] }, "or: must have at least one part"],
    ["for an empty and", { and: [] }, "and: must have at least one part"],
    ["for too many parts", wide(21), "or: must have at most 20 parts"],
    [
      "for too many conditions",
      { and: [wide(20), wide(20), wide(20), wide(20), wide(20), { role: "user" }] },
      ": must have at most 100 conditions",
    ],
    [
      "for a list too long",
      { id: { in: Array.from({ length: 101 }, () => "00000000-0000-0000-0000-000000000000") } },
      "id.in: must have at most 100 values",
    ],
    ["for a text too long", { email: "x".repeat(501) }, "email: must be at most 500 characters"],
    ["for a pattern too long", { email: { like: "x".repeat(101) } }, "email.like: must be at most 100 characters"],
    ["for a text in place of JSON", { metadata: "x" }, "metadata: must be { contains: { … } } or { isNull }"],
    [
      "for a Date inside JSON",
      { metadata: { contains: { at: new Date() } } },
      "metadata: must be { contains: { … } } or { isNull }",
    ],
    [
      "for a bigint inside JSON",
      { metadata: { contains: { n: 1n } } },
      "metadata: must be { contains: { … } } or { isNull }",
    ],
    [
      "for JSON too large",
      { metadata: { contains: { text: "x".repeat(20_000) } } },
      "metadata.contains: must be at most 4096 bytes of JSON, numbers written without an exponent",
    ],
    ["deeper than four levels", nested(5), "not.not.not.not.not: must not nest and, or, not deeper than 4 levels"],
  ])("a listing refuses a filter %s", (_, filter, message) => {
    expect(messageFor(filter)).toBe(message);
  });

  it.each([
    ["passwordHash", userDefinition],
    ["emailVerificationToken", userDefinition],
    ["deletedAt", userDefinition],
    ["refreshTokenId", userSessionDefinition],
    ["twoFactorSecret", userSecurityDefinition],
    ["recoveryCodes", userSecurityDefinition],
  ])("a listing refuses a filter on %s, which is not listed, at any depth", (field, listing) => {
    const schema = filterSchema(listing as Listing as ListingOf<unknown>) as never;
    expect(messageFor({ [field]: { isNull: false } }, schema)).toBe(`: Unrecognized key: "${field}"`);
    expect(messageFor({ or: [{ not: { [field]: "x" } }] }, schema)).toBe(`or.0.not: Unrecognized key: "${field}"`);
  });

  it("the filter schema accepts or refuses any value without another error", () => {
    const keys = fc.constantFrom(
      "and",
      "or",
      "not",
      "email",
      "id",
      "metadata",
      "__proto__",
      "eq",
      "in",
      "contains",
      "createdAt",
    );
    const junk = fc.object({ key: keys, maxDepth: 6, withDate: true, withBigInt: true, withNullPrototype: true });
    fc.assert(
      fc.property(fc.oneof(junk, fc.anything()), (filter) => void users.safeParse(filter)),
      { numRuns: 1000 },
    );
  });

  it("a filter ignores fields that are undefined", () => {
    expect(messageFor({ and: undefined, or: undefined, not: undefined, email: undefined })).toBeUndefined();
  });

  it("a filter accepts four levels, a hundred conditions and a hundred values", () => {
    expect(messageFor(nested(4))).toBeUndefined();
    expect(messageFor({ and: [wide(20), wide(20), wide(20), wide(20), wide(20)] })).toBeUndefined();
    expect(messageFor({ email: { in: Array.from({ length: 100 }, () => "x") } })).toBeUndefined();
  });
});

/** Not executed: tsc checks it, and reports each expected error that does not occur. */
const typesOfFilters = (): [Filter<User>[], Filter<UserSession>[], Filter<UserSecurity>[]] => [
  [
    {
      email: "a",
      emailVerified: { eq: true },
      lastLogin: null,
      createdAt: { gt: new Date() },
      metadata: { contains: {} },
    },
    { and: [{ or: [{ not: { status: { in: ["banned"] } } }] }], username: { like: "a*", ilike: "*b" } },
    // @ts-expect-error the password hash is not listed
    { passwordHash: "x" },
    // @ts-expect-error the password hash is not listed at any depth
    { and: [{ not: { emailVerificationToken: { isNull: true } } }] },
    // @ts-expect-error unknown field
    { nickname: "x" },
    // @ts-expect-error unknown operator
    { email: { regex: "x" } },
    // @ts-expect-error booleans have no ranges
    { emailVerified: { gt: false } },
    // @ts-expect-error times have no patterns
    { createdAt: { like: "2026*" } },
    // @ts-expect-error a time is not a text
    { createdAt: "2026-11-01" },
    // @ts-expect-error the email is not nullable
    { email: null },
    // @ts-expect-error unknown status
    { status: "gone" },
    // @ts-expect-error JSON has no equality
    { metadata: { guild: 7 } },
    // @ts-expect-error a list has values of the field's type
    { id: { in: [7] } },
  ],
  [
    { revokedAt: null, userAgent: { ilike: "*firefox*" } },
    // @ts-expect-error the id of the refresh token is not listed
    { refreshTokenId: "x" },
  ],
  [
    { loginAttempts: { gte: 3 } },
    // @ts-expect-error numbers have no patterns
    { loginAttempts: { like: "3" } },
    // @ts-expect-error the two-factor secret is not listed
    { twoFactorSecret: { isNull: false } },
    // @ts-expect-error recovery codes are not listed
    { recoveryCodes: { isNull: false } },
  ],
];
void typesOfFilters;
