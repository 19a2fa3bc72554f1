import { existsSync, readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import type { Database } from "../../../src/database/pool.ts";
import { createDatabase, openPool, type TestDatabase } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { csvOf, csvRow, fileOf, importFile, rejectedRowsOf } from "../../support/import.ts";

/** A database for one test, and the service's connection pool to it. */
async function emptyDatabase(): Promise<TestDatabase & { pool: Database }> {
  const database = await createDatabase();
  onTestFinished(database.drop);
  return { ...database, pool: await openPool(database.url) };
}

it("an import stores every field of a row, and defaults for fields without a value", async () => {
  const { sql, pool } = await emptyDatabase();
  const file = fileOf(
    "users.csv",
    [
      "\uFEFFid,email,username,passwordHash,metadata,status,role,email_verified,createdAt,last_login,deleted_at",
      `018F9C1E-0000-7000-8000-00000000ABCD, Mira@Example.com ,Mira,"${passwordHash}","{""guild"":""a, \\""b\\""""}",suspended,moderator,t,2024-05-31 08:30:00.123456+02,2024-06-01T00:00:00Z,2024-06-02T00:00:00Z`,
      `,tom@example.com,Tom,"${passwordHash}",,,,,,,`,
      "",
    ].join("\r\n"),
  );
  expect(await importFile(pool, file)).toMatchObject({
    outcome: "done",
    rows: 2,
    imported: 2,
    refused: 0,
    refusedFile: null,
  });
  const [mira, tom] = await sql`
    select *, to_json(created_at at time zone 'UTC') as created from users order by username`;
  expect(mira).toMatchObject({
    id: "018f9c1e-0000-7000-8000-00000000abcd",
    email: "mira@example.com",
    username: "Mira",
    password_hash: passwordHash,
    metadata: { guild: 'a, "b"' },
    status: "suspended",
    role: "moderator",
    email_verified: true,
    created: "2024-05-31T06:30:00.123456",
    last_login: new Date("2024-06-01T00:00:00Z"),
    deleted_at: new Date("2024-06-02T00:00:00Z"),
  });
  expect(tom).toMatchObject({
    metadata: {},
    status: "active",
    role: "user",
    email_verified: false,
    last_login: null,
    deleted_at: null,
  });
  expect(tom?.["id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(existsSync(`${file}.refused.jsonl`)).toBe(false);
  expect(
    await sql`select actor, action, resource_type, count(*)::int from audit_log group by 1, 2, 3 order by 3`,
  ).toEqual([
    { actor: "system:test", action: "import.batch", resource_type: "import", count: 2 },
    { actor: "system:test", action: "insert", resource_type: "user_security", count: 2 },
    { actor: "system:test", action: "insert", resource_type: "users", count: 2 },
  ]);
});

it("an import records line, field and reason of each rejected row, and none of its values", async () => {
  const { sql, pool } = await emptyDatabase();
  const rows = [
    csvRow("good_1"), // line 2
    `a@example.com,two_lines,"${passwordHash}","{""a"":""b"",\n\n""c"":1}",`, // 3 to 5
    "nobody,no_email,hunter2,,", // 6
    `b@example.com,admin,"${passwordHash}",,`, // 7
    `c@example.com,Admin,"${passwordHash}",,admin`, // 8
    `GOOD_1@example.com,other,"${passwordHash}",,`, // 9
    `d@example.com,good_1,"${passwordHash}",,`, // 10
    `e@example.com,proto,"${passwordHash}","{""__proto__"":1}",`, // 11
    `f@example.com,oops,"${passwordHash}",{oops,`, // 12
    `x@example.com,x,"${passwordHash}","{""a"":1,\n""b"":2}",`, // 13 and 14
    "", // 15
    "too,few", // 16
    `g@example.com,quote"s,"${passwordHash}",,`, // 17
    `i@example.com,last_one,"${passwordHash}",,user`, // 18
  ];
  rows[0] += ",,";
  const file = fileOf("users.csv", ["email,username,password_hash,metadata,role", ...rows].join("\n"));
  expect(await importFile(pool, file)).toMatchObject({
    rows: 13,
    imported: 4,
    refused: 9,
    refusedFile: `${file}.refused.jsonl`,
  });
  expect(rejectedRowsOf(file).map(({ line, field }) => [line, field])).toEqual([
    [6, "email"],
    [7, "username"],
    [9, "email"],
    [10, "username"],
    [11, "metadata"],
    [12, "metadata"],
    [13, "username"],
    [16, null],
    [17, null],
  ]);
  expect(rejectedRowsOf(file).map(({ message }) => message)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^is reserved for moderators and administrators; --allow-reserved-names/),
      "This email is taken.",
      "must be JSON",
      "has 2 fields instead of 5",
      expect.stringContaining("a quote inside of a field"),
    ]),
  );
  expect(readFileSync(`${file}.refused.jsonl`, "utf8")).not.toMatch(/hunter2|argon2id\$v=19\$m=19456/);
  expect((await sql`select username from users order by 1`).map((row) => row["username"])).toEqual([
    "Admin",
    "good_1",
    "last_one",
    "two_lines",
  ]);
});

it("an import of JSON lines rejects lines that are not objects, are too long, or have an unknown field", async () => {
  const { sql, pool } = await emptyDatabase();
  const user = (name: string, more: object = {}) =>
    JSON.stringify({ email: `${name}@example.com`, username: name, passwordHash, ...more });
  const file = fileOf(
    "users.jsonl",
    [
      `\uFEFF${user("first_one", { metadata: { a: [1, null, "ü\n"] }, lastLogin: null })}\r`,
      "",
      "{oops",
      "[1]",
      user("strange", { country: "DE" }),
      user("twice", { password_hash: passwordHash }),
      `{"email":"${"x".repeat(300_000)}"}`,
      user("wrong_kind", { emailVerified: "true" }),
      user("last_one"),
    ].join("\n"),
  );
  expect(await importFile(pool, file)).toMatchObject({ rows: 8, imported: 2, refused: 6 });
  expect(rejectedRowsOf(file).map(({ line, field }) => [line, field])).toEqual([
    [3, null],
    [4, null],
    [5, null],
    [6, "passwordHash"],
    [7, null],
    [8, "emailVerified"],
  ]);
  expect(rejectedRowsOf(file)[4]?.message).toBe("is longer than 262144 bytes");
  expect(rejectedRowsOf(file)[2]?.message).toContain('"country" is not a field of users; the fields are email');
  expect(await sql`select metadata from users order by username`).toEqual([
    { metadata: { a: [1, null, "ü\n"] } },
    { metadata: {} },
  ]);
});

it.each([
  ["an empty file", "", /no first line/],
  ["an unknown field", "email,name\n", /"name" is not a field of users/],
  ["a field twice", "email,username,passwordHash,password_hash\n", /names passwordHash twice/],
  ["too few fields", "email,metadata\n", /username, passwordHash \(or in snake_case\) must be among them/],
  ["quotes that do not close", `${csvOf(2)}a,"b,c\nd,e,f\n`, /line 5 quotes are not closed/],
  ["quotes that are not doubled", `${csvOf(2)}a,"b"b,c\n${csvRow("unseen")}\n`, /line 4 quotes are not closed/],
  [
    "quotes that close after more than the size of a row",
    `${csvOf(2)}a,"b\n${"x,y,z\n".repeat(50_000)}"`,
    /longer than 262144 bytes/,
  ],
  ["Latin-1", Buffer.from(`${csvOf(1)}m\xfcller@example.com,x,y\n`, "latin1"), /not UTF-8/],
])("an import of CSV stops at %s", async (_, content, message) => {
  const { pool } = await emptyDatabase();
  await expect(importFile(pool, fileOf("users.csv", content))).rejects.toThrow(message);
});

it("an atomic import stores all rows, or none and reports every rejected row", async () => {
  const { sql, pool } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(2_500, { 3: "bad", 2400: "x,y,z" }));
  expect(await importFile(pool, file, { atomic: true })).toMatchObject({
    outcome: "undone",
    rows: 2_500,
    imported: 0,
    refused: 2,
  });
  expect(rejectedRowsOf(`${file}.atomic`).map(({ line }) => line)).toEqual([5, 2402]);
  expect(await sql`select from users`).toHaveLength(0);
  expect(await sql`select from audit_log`).toHaveLength(0);
  const good = fileOf("users.csv", csvOf(2_500));
  expect(await importFile(pool, good, { atomic: true })).toMatchObject({ outcome: "done", imported: 2_500 });
});

it("an atomic import that is stopped stores nothing", async () => {
  const { sql, pool } = await emptyDatabase();
  const stop = new AbortController();
  const options = { atomic: true, signal: stop.signal, onProgress: () => stop.abort() };
  await expect(importFile(pool, fileOf("users.csv", csvOf(3_000)), options)).rejects.toThrow(
    "Stopped: nothing was imported.",
  );
  expect(await sql`select from users`).toHaveLength(0);
});
