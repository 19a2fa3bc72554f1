import { appendFileSync, existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { ImportExportError } from "../../src/accounts/errors.ts";
import type { ImportReport } from "../../src/accounts/import/import-options.ts";
import type { Database } from "../../src/database/pool.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";
import { csvOf, csvRow, fileOf, importFile, refusedOf } from "../support/import.ts";

/** A database of one's own, and the service's connection to it. */
async function empty(): Promise<TestDatabase & { pool: Database }> {
  const database = await createDatabase();
  onTestFinished(database.drop);
  return { ...database, pool: await openPool(database.url) };
}

describe("importUsers", () => {
  it("brings every field in as it was, and nothing that is not given", async () => {
    const { sql, pool } = await empty();
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

  it("names each refused row by the line on which it begins, its field and the reason, and never what it holds", async () => {
    const { sql, pool } = await empty();
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
    expect(refusedOf(file).map(({ line, field }) => [line, field])).toEqual([
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
    expect(refusedOf(file).map(({ message }) => message)).toEqual(
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

  it("reads JSON lines, and refuses those that are none, that are too long, or that have a field nobody knows", async () => {
    const { sql, pool } = await empty();
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
    expect(refusedOf(file).map(({ line, field }) => [line, field])).toEqual([
      [3, null],
      [4, null],
      [5, null],
      [6, "passwordHash"],
      [7, null],
      [8, "emailVerified"],
    ]);
    expect(refusedOf(file)[4]?.message).toBe("is longer than 262144 bytes");
    expect(refusedOf(file)[2]?.message).toContain('"country" is not a field of users; the fields are email');
    expect(await sql`select metadata from users order by username`).toEqual([
      { metadata: { a: [1, null, "ü\n"] } },
      { metadata: {} },
    ]);
  });

  it.each([
    ["an empty file", "", /no first line/],
    ["other fields", "email,name\n", /"name" is not a field of users/],
    ["a field twice", "email,username,passwordHash,password_hash\n", /names passwordHash twice/],
    ["too few fields", "email,metadata\n", /username, passwordHash \(or in snake_case\) must be among them/],
    ["quotes that do not close", `${csvOf(2)}a,"b,c\nd,e,f\n`, /line 5 quotes are not closed/],
    ["quotes that are not doubled", `${csvOf(2)}a,"b"b,c\n${csvRow("unseen")}\n`, /line 4 quotes are not closed/],
    [
      "quotes that close somewhere far away",
      `${csvOf(2)}a,"b\n${"x,y,z\n".repeat(50_000)}"`,
      /longer than 262144 bytes/,
    ],
    ["Latin-1", Buffer.from(`${csvOf(1)}m\xfcller@example.com,x,y\n`, "latin1"), /not UTF-8/],
  ])("stops at %s", async (_, content, message) => {
    const { pool } = await empty();
    await expect(importFile(pool, fileOf("users.csv", content))).rejects.toThrow(message);
  });

  it("goes on behind the last committed batch, with the refused rows of those before it, and not twice", async () => {
    const { sql, pool } = await empty();
    const bad = Object.fromEntries([5, 1_500, 2_999, 3_100].map((at) => [at, `bad_${at},x,y`]));
    const file = fileOf("users.csv", csvOf(3_500, bad));
    const lost = new Error("the process dies here");
    let batches = 0;
    // In the second batch's transaction, behind all that was written: nothing of it is kept but refused rows.
    const onProgress = () => {
      if (++batches === 2) throw lost;
    };
    await expect(importFile(pool, file, { onProgress })).rejects.toThrow(lost);
    expect(refusedOf(file).map(({ line }) => line)).toEqual([7, 1502]);
    expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 999 }]);

    appendFileSync(`${file}.refused.jsonl`, '{"half":');
    const report = await importFile(pool, file);
    expect(report).toMatchObject({ outcome: "done", rows: 3_500, imported: 3_496, refused: 4, resumedBehind: 1_000 });
    expect(refusedOf(file).map(({ line }) => line)).toEqual([7, 1502, 3001, 3102]);
    expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 3_496 }]);
    expect(await importFile(pool, file)).toEqual({ ...report, outcome: "repeated", resumedBehind: 3_500 });
    expect(await importFile(pool, file, { restart: true })).toMatchObject({
      outcome: "done",
      imported: 0,
      refused: 3_500,
    });
  });

  it("begins at the beginning in another database, and where the file of an ended import is another one", async () => {
    const { pool } = await empty();
    const { pool: other } = await empty();
    const file = fileOf("users.csv", csvOf(3));
    await importFile(pool, file);
    expect(await importFile(other, file)).toMatchObject({ outcome: "done", imported: 3 });
    appendFileSync(file, `${csvRow("one_more")}\n`);
    expect(await importFile(pool, file)).toMatchObject({ outcome: "done", rows: 4, imported: 1, refused: 3 });
  });

  it("does not go on with a file that was changed since, unless it is told to begin anew", async () => {
    const { pool } = await empty();
    const file = fileOf("users.csv", csvOf(5_000));
    const stop = new AbortController();
    const report = await importFile(pool, file, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(report).toMatchObject({ outcome: "stopped", refused: 0 });
    expect(report.rows).toBeLessThan(5_000);
    utimesSync(file, 1, 1);
    await expect(importFile(pool, file)).rejects.toThrow(
      /has changed since its import began, and \d{4} rows of it are done/,
    );
    expect(await importFile(pool, file, { restart: true })).toMatchObject({ rows: 5_000, refused: report.rows });
  });

  it("lets one process at a time import a file, and the other say so", async () => {
    const { sql, pool } = await empty();
    const file = fileOf("users.csv", csvOf(3_000, { 7: "bad", 1500: "bad", 2900: "bad" }));
    let other: Promise<unknown> | undefined;
    const onProgress = () => {
      other ??= importFile(pool, file).catch((error: unknown) => error);
    };
    const first = await importFile(pool, file, { onProgress }).catch((error: unknown) => error);
    const outcomes = [first, await other].map((outcome) =>
      outcome instanceof ImportExportError ? outcome.message : (outcome as ImportReport).outcome,
    );
    // Whoever comes later goes on behind what is committed, or finds all done; whoever is overtaken says so.
    for (const outcome of outcomes)
      expect(outcome).toMatch(/^(done|repeated|Another process is importing the same file\.)$/);
    expect(outcomes.some((outcome) => outcome === "done")).toBe(true);
    expect(refusedOf(file).map(({ line }) => line)).toEqual([9, 1502, 2902]);
    expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 2_997 }]);
    const [position] = await sql`
      select changes from audit_log where resource_type = 'import' order by created_at desc limit 1`;
    expect(position?.["changes"]).toMatchObject({ rows: 3_000, imported: 2_997, refused: 3, ended: true });
  });

  it("is one import of processes that begin at the same moment, too", async () => {
    const { sql, pool } = await empty();
    const file = fileOf("users.csv", csvOf(1_500, { 7: "bad" }));
    await Promise.allSettled([importFile(pool, file), importFile(pool, file), importFile(pool, file)]);
    expect(await sql`select distinct resource_id from audit_log where resource_type = 'import'`).toHaveLength(1);
    expect(refusedOf(file).map(({ line }) => line)).toEqual([9]);
    expect(await importFile(pool, file)).toMatchObject({ imported: 1_499, refused: 1 });

    // Also where the file is another by now, and was imported before.
    writeFileSync(file, csvOf(1_600, { 9: "bad" }).replaceAll("player_", "second_"));
    await Promise.allSettled([importFile(pool, file), importFile(pool, file), importFile(pool, file)]);
    expect(await sql`select distinct resource_id from audit_log where resource_type = 'import'`).toHaveLength(2);
    expect(refusedOf(file).map(({ line }) => line)).toEqual([11]);
  });

  describe("atomic", () => {
    it("imports all, or none and says all that is wrong", async () => {
      const { sql, pool } = await empty();
      const file = fileOf("users.csv", csvOf(2_500, { 3: "bad", 2400: "x,y,z" }));
      expect(await importFile(pool, file, { atomic: true })).toMatchObject({
        outcome: "undone",
        rows: 2_500,
        imported: 0,
        refused: 2,
      });
      expect(refusedOf(`${file}.atomic`).map(({ line }) => line)).toEqual([5, 2402]);
      expect(await sql`select from users`).toHaveLength(0);
      expect(await sql`select from audit_log`).toHaveLength(0);
      const good = fileOf("users.csv", csvOf(2_500));
      expect(await importFile(pool, good, { atomic: true })).toMatchObject({ outcome: "done", imported: 2_500 });
    });

    it("leaves nothing when it is stopped", async () => {
      const { sql, pool } = await empty();
      const stop = new AbortController();
      const options = { atomic: true, signal: stop.signal, onProgress: () => stop.abort() };
      await expect(importFile(pool, fileOf("users.csv", csvOf(3_000)), options)).rejects.toThrow(
        "Stopped: nothing was imported.",
      );
      expect(await sql`select from users`).toHaveLength(0);
    });
  });
});
