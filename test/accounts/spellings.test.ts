import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFieldMapping } from "../../src/accounts/mapping/field-mapping.ts";
import type { Database } from "../../src/database/pool.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";
import { csvOf, fileOf, importFile, refusedOf } from "../support/import.ts";

let database: TestDatabase;
let pool: Database;
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`alter table users disable trigger keep_an_administrator_deleted`;
});
afterAll(() => database.drop());
beforeEach(async () => {
  pool = await openPool(database.url);
  await database.sql`delete from users`;
});

const emails = async () => (await database.sql`select email from users order by email`).map(({ email }) => email);
const big = (text: string) => Buffer.from(text, "utf16le").swap16();
const two = `email,username,passwordHash,metadata\na@x.org,Mira_1,"${passwordHash}","{""name"":""Zoë 🦊""}"\nb@x.org,Mira_2,"${passwordHash}",\n`;

describe("a file is read by its first bytes", () => {
  it.each([
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${two}`)],
    ["UTF-16 of Windows", Buffer.from(`\uFEFF${two}`, "utf16le")],
    ["UTF-16 of Windows without a mark", Buffer.from(two, "utf16le")],
    ["UTF-16, big end first", big(`\uFEFF${two}`)],
    ["UTF-16, big end first, without a mark", big(two)],
    ["gzip", gzipSync(two)],
    ["gzip in several parts", Buffer.concat([gzipSync(two.slice(0, 50)), gzipSync(two.slice(50))])],
    ["gzip of UTF-16", gzipSync(Buffer.from(`\uFEFF${two}`, "utf16le"))],
  ])("%s", async (_, content) => {
    expect(await importFile(pool, fileOf("users.csv", content))).toMatchObject({ rows: 2, imported: 2, refused: 0 });
    expect(await database.sql`select metadata from users order by email`).toEqual([
      { metadata: { name: "Zoë 🦊" } },
      { metadata: {} },
    ]);
  });

  it.each([
    ["a workbook", Buffer.from("PK\x03\x04\x14\0\x06\0xl/workbook.xml"), /\(\.xlsx\).*Save the sheet as CSV UTF-8/],
    ["an old workbook", Buffer.from("d0cf11e0a1b11ae1", "hex"), /\(\.xls\).*CSV/],
    ["a PDF", Buffer.from("%PDF-1.7\n"), /a PDF/],
    ["Zstandard", Buffer.from("28b52ffd00", "hex"), /zstd -d/],
    ["xz", Buffer.from("fd377a585a00", "hex"), /unxz/],
    ["UTF-32", Buffer.from("fffe000065000000", "hex"), /UTF-32.*iconv/],
    ["something else that is no text", Buffer.from("users\0\0\x01\x02"), /not text/],
    ["a gzip file that is cut off", gzipSync(csvOf(500)).subarray(0, 400), /gzip file is cut off/],
    [
      "a gzip file that is damaged",
      Buffer.concat([gzipSync(two).subarray(0, 40), Buffer.alloc(60, 7)]),
      /gzip file is damaged/,
    ],
    ["UTF-16 that is cut off", Buffer.from(`\uFEFF${two}`, "utf16le").subarray(0, -1), /UTF-16.*cut off/],
    ["Windows-1252", Buffer.from(`${two}c@x.org,M\xfcller,x,`, "latin1"), /line \d, column \d+ has the byte/],
  ])("%s is refused with the remedy", async (_, content, message) => {
    await expect(importFile(pool, fileOf("users.csv", content))).rejects.toThrow(message);
  });

  it("names line and column of the first byte that is not UTF-8, wherever it is", async () => {
    const head = `${csvOf(3_000).trimEnd()}\nü🦊`;
    for (const [rest, letter] of [
      [Buffer.from([0xfc]), "0xFC, in Windows-1252 and Latin-1 ü"],
      [Buffer.from([0x80, 0x61]), "0x80"],
    ] as const) {
      const file = fileOf("users.csv", Buffer.concat([Buffer.from(head), rest]));
      await expect(importFile(pool, file, { restart: true })).rejects.toThrow(
        `line 3002, column 3 has the byte ${letter}`,
      );
      await database.sql`delete from users`;
    }
  });

  it("and its import goes on behind the last committed batch", async () => {
    for (const content of [Buffer.from(`\uFEFF${csvOf(2_500)}`, "utf16le"), gzipSync(csvOf(2_500, { 2400: "bad" }))]) {
      const file = fileOf("users.csv", content);
      const lost = new Error("the process dies here");
      let batches = 0;
      const onProgress = () => {
        if (++batches === 2) throw lost;
      };
      await expect(importFile(pool, file, { onProgress })).rejects.toThrow(lost);
      const report = await importFile(pool, file);
      expect(report).toMatchObject({ outcome: "done", rows: 2_500, resumedBehind: 1_000 });
      expect(await emails()).toHaveLength(report.imported);
      await database.sql`delete from users`;
    }
  });
});

describe("CSV is read as spreadsheets write it", () => {
  const tsv = (delimiter: string, end = "\n") =>
    [
      ["E-Mail", "User Name", "Password Hash", "email_verified"],
      ["a@x.org", "Mira_1", `"${passwordHash}"`, "TRUE"],
    ]
      .map((row) => row.join(delimiter) + end)
      .join("");

  it.each([
    ["semicolons", tsv(";")],
    ["tabs", tsv("\t")],
    ["bars", tsv("|")],
    ["Excel's own line", `sep=;\r\n${tsv(";", "\r\n")}`],
    ["Excel's own line for a comma", `sep=,\n${tsv(",")}`],
    ["line ends of CR alone", tsv(",", "\r")],
    ["spaces behind commas", tsv(", ")],
    ["spaces around them", tsv(" ; ")],
  ])("with %s", async (_, content) => {
    const file = fileOf("users.csv", `${content}`);
    expect(await importFile(pool, file)).toMatchObject({ rows: 1, imported: 1, refused: 0 });
    expect(await database.sql`select email, username, password_hash, email_verified from users`).toEqual([
      { email: "a@x.org", username: "Mira_1", password_hash: passwordHash, email_verified: true },
    ]);
  });

  it("names the delimiter that was taken, and the line", async () => {
    await expect(importFile(pool, fileOf("users.csv", "email;name\n"))).rejects.toThrow(
      /"name" is not a field.*by a semicolon/,
    );
    await expect(importFile(pool, fileOf("users.csv", "email\tusername\n"))).rejects.toThrow(/passwordHash.*by a tab/);
    await expect(importFile(pool, fileOf("users.csv", "name\n"))).rejects.toThrow(/--map COLUMN=FIELD.*by a comma/);
    const file = fileOf("users.csv", `sep=;\nemail;username;passwordHash\n"a\n";b;c\nx;y\n`);
    await importFile(pool, file);
    expect(refusedOf(file).map(({ line, message }) => [line, message])).toEqual([
      [3, "must be an email address, such as mira@example.com"],
      [5, "has 2 fields instead of 3, separated by a semicolon"],
    ]);
  });

  it("skips blank rows, and takes NULL and \\N without quotes for no value", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash,metadata,last_login,role\n,,,,,\n , ,,,,\na@x.org,Mira_1,"${passwordHash}",NULL,\\N,NULL\n,,,,,\n\nb@x.org,"NULL","${passwordHash}",,,admin\n`,
    );
    expect(await importFile(pool, file)).toMatchObject({ rows: 2, imported: 2, refused: 0 });
    expect(await database.sql`select username, metadata, last_login, role from users order by email`).toEqual([
      { username: "Mira_1", metadata: {}, last_login: null, role: "user" },
      { username: "NULL", metadata: {}, last_login: null, role: "admin" },
    ]);
  });

  it("names columns by --map, and counts what it leaves out", async () => {
    const file = fileOf(
      "users.csv",
      `mail,login,hash,country,note\na@x.org,Mira_1,"${passwordHash}",CH,\nb@x.org,Mira_2,"${passwordHash}",DE,x\n`,
    );
    const mapping = createFieldMapping({
      columns: { mail: "email", login: "username", hash: "password_hash", country: "", note: "" },
    });
    expect(await importFile(pool, file, { mapping })).toMatchObject({ imported: 2, leftOut: { country: 2, note: 1 } });
    expect(() => createFieldMapping({ columns: { mail: "address" } })).toThrow(
      /--map mail=address: "address" is not a field/,
    );
  });

  it("does not take the spaces of Unicode for spaces", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash\n\u00a0a@x.org,Mira_1,"${passwordHash}"\n\u212a@x.org\u2003,Mira_2,"${passwordHash}"\n`,
    );
    expect(await importFile(pool, file)).toMatchObject({ imported: 0, refused: 2 });
    expect(refusedOf(file).map(({ field }) => field)).toEqual(["email", "email"]);
  });
});

describe("a time is read in the usual spellings", () => {
  const row = (time: string) => `email,username,passwordHash,createdAt\na@x.org,Mira_1,"${passwordHash}","${time}"\n`;
  const stored = async () =>
    (
      await database.sql`select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as at from users`
    )[0]?.["at"];

  it.each([
    ["2024-06-08 17:41:47 UTC", "2024-06-08 17:41:47.000000"],
    ["2024-06-08 17:41:47.5 UTC", "2024-06-08 17:41:47.500000"],
    ["2024-06-08T17:41:47.123456789Z", "2024-06-08 17:41:47.123456"],
    ["2024-06-08T17:41:47.9999999+02:00", "2024-06-08 15:41:47.999999"],
    ["2024-06-08 17:41:47.1 +0000 UTC", "2024-06-08 17:41:47.100000"],
    ["2024-06-08 17:41:47-0330", "2024-06-08 21:11:47.000000"],
    ["2024-06-08 17:41:47 +02:00", "2024-06-08 15:41:47.000000"],
    ["2024-06-08T17:41Z", "2024-06-08 17:41:00.000000"],
    ["2024-06-08 17:41:47.5 +0200 CEST", "2024-06-08 15:41:47.500000"],
    ["2024-06-08T17:41:47.5+02:00[Europe/Berlin]", "2024-06-08 15:41:47.500000"],
    ["2024/06/08 17:41:47 UTC", "2024-06-08 17:41:47.000000"],
    ["1900-01-01 05:41:16+05:41:16", "1900-01-01 00:00:00.000000"],
    ["Sat Jun 08 2024 17:41:47 GMT+0200 (Central European Summer Time)", "2024-06-08 15:41:47.000000"],
    ["Sat, 08 Jun 2024 17:41:47 GMT", "2024-06-08 17:41:47.000000"],
    ["0001-01-01T00:00:00Z", "0001-01-01 00:00:00.000000"],
    ["9999-12-31 23:59:59.999999+00", "9999-12-31 23:59:59.999999"],
  ])("%s", async (time, expected) => {
    expect(await importFile(pool, fileOf("users.csv", row(time)))).toMatchObject({ imported: 1 });
    expect(await stored()).toBe(expected);
  });

  it.each([
    ["0000-00-00 00:00:00", /MySQL writes for no time/],
    ["2024-02-30T00:00:00Z", /there is no 2024-02-30/],
    ["2023-02-29T00:00:00Z", /there is no 2023-02-29/],
    ["2016-12-31T23:59:60Z", /leap second/],
    ["2024-06-08T24:00:00Z", /not a time of day: 24:00:00/],
    ["2024-06-08 17:41:47", /without a zone/],
    ["2024-06-08", /without a zone/],
    ["0001-01-01T00:00:00+02:00", /years 1 to 9999/],
    ["2024-06-08T17:41:47+17:00", /unknown time zone/],
    ["1717868507", /is a number.*must be a time with its zone/],
    ["0044-03-15 12:00:00+00 BC", /must be a time with its zone/],
    ["2024-06-08 05:41:47+00 PM", /must be a time with its zone/],
    ["yesterday", /must be a time with its zone/],
  ])("%s is refused with its reason", async (time, message) => {
    const file = fileOf("users.csv", row(time));
    await importFile(pool, file);
    expect(refusedOf(file)).toEqual([
      { line: 2, code: "BAD_REQUEST", field: "createdAt", message: expect.stringMatching(message) },
    ]);
  });
});

describe("an account that exists comes in", () => {
  it.each([
    "a/b@x.org",
    "user%x@x.org",
    "{x}@x.org",
    '"john.doe"@x.org',
    "a..b.@x.org",
    '"a\\"b"@x.org',
    "root@localhost",
    "x@[192.0.2.1]",
    "x@[IPv6:2001:db8::1]",
  ])("with the email %s", async (email) => {
    const file = fileOf("users.jsonl", JSON.stringify({ email, username: "Mira_1", passwordHash }));
    expect(await importFile(pool, file)).toMatchObject({ imported: 1 });
    expect(await emails()).toEqual([email.toLowerCase()]);
  });

  it("with a reserved name where it is allowed, and else is refused with the remedy", async () => {
    const rows = ["Guest4711", "dev", "News", "admin"].map((username) =>
      JSON.stringify({ email: `${username}@x.org`, username, passwordHash }),
    );
    const file = fileOf("users.jsonl", rows.join("\n"));
    expect(await importFile(pool, file)).toMatchObject({ imported: 0, refused: 4 });
    expect(refusedOf(file)[0]?.message).toContain("--allow-reserved-names");
    expect(await importFile(pool, file, { restart: true, allowReservedNames: true })).toMatchObject({ imported: 4 });
  });

  it("without a password as !", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash\na@x.org,Mira_1,!\nb@x.org,Mira_2,!unusable\nc@x.org,Mira_3,\nd@x.org,Mira_4,*\n`,
    );
    expect(await importFile(pool, file)).toMatchObject({ imported: 1, refused: 3 });
    expect(await database.sql`select email, password_hash from users`).toEqual([
      { email: "a@x.org", password_hash: "!" },
    ]);
    expect(refusedOf(file)[0]?.message).toBe(
      "must be a hash; of an account without a password, ! and nothing behind it",
    );
  });

  it("with numbers that JavaScript holds, and others are refused by their path", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash,metadata\na@x.org,Mira_1,"${passwordHash}","{""a"":[1.0,0.10,1e2]}"\nb@x.org,Mira_2,"${passwordHash}","{""a"":[12345678901234567890]}"\nc@x.org,Mira_3,"${passwordHash}","{""a"":1e400}"\n`,
    );
    expect(await importFile(pool, file)).toMatchObject({ imported: 1, refused: 2 });
    expect(await database.sql`select metadata::text from users`).toEqual([{ metadata: '{"a": [1.0, 0.10, 100]}' }]);
    expect(refusedOf(file).map(({ field }) => field)).toEqual(["metadata.a.0", "metadata.a"]);
  });
});

describe("a JSON document is read", () => {
  const user = (name: string, more: object = {}) => ({ email: `${name}@x.org`, username: name, passwordHash, ...more });
  const users = [user("abc_1", { metadata: { users: [{ a: '"]}' }] } }), user("abc_2"), user("abc_3")];

  it.each([
    ["an array", users],
    [
      "an object that has users",
      { kind: "x", other: { users: [1] }, deep: [["users"]], users, more: [user("not_one")] },
    ],
  ])("%s, in one line or many, by either name", async (_, document) => {
    for (const name of ["users.json", "users.jsonl"])
      for (const indent of [0, 2]) {
        const file = fileOf(name, JSON.stringify(document, null, indent));
        // JSON lines begin with a user: an object in one line whose users come later looks like one.
        if (name === "users.jsonl" && indent === 0 && !Array.isArray(document)) continue;
        expect(await importFile(pool, file), `${name} ${indent}`).toMatchObject({ rows: 3, imported: 3, refused: 0 });
        expect((await database.sql`select metadata from users order by email limit 1`)[0]?.["metadata"]).toEqual({
          users: [{ a: '"]}' }],
        });
        await database.sql`delete from users`;
      }
  });

  it.each([
    ["arrays", (one: string, other: string) => `[${one}]\n[${other}]\n`],
    [
      "objects with arrays",
      (one: string, other: string) => `{"users":[${one}],"total":2} {"total":2,"users":[${other}]}`,
    ],
    ["an array and a user", (one: string, other: string) => `[${one}],\n${other}`],
    ["two arrays in one object", (one: string, other: string) => `{"users":[${one}],"users":[${other}]}`],
  ])("loses none of %s one behind the other, as the pages of an API are", async (_, document) => {
    const [one = "", other = ""] = ["a", "b"].map((name) =>
      JSON.stringify({ email: `${name}@x.org`, username: `Mira_${name}`, passwordHash }),
    );
    for (const name of ["users.json", "users.jsonl"]) {
      await database.sql`delete from users`;
      const file = fileOf(name, document(one, other));
      expect(await importFile(pool, file)).toMatchObject({ imported: 2, refused: 0 });
    }
  });

  it("is not read on in silence behind its end", async () => {
    const file = fileOf("users.json", `[{"email":"a@x.org","username":"Mira_1","passwordHash":"!"}] x`);
    await expect(importFile(pool, file)).rejects.toThrow("line 1");
  });

  it("of objects one behind the other, and elements that are no users are refused by their line", async () => {
    const lines = fileOf("users.json", users.map((one) => JSON.stringify(one)).join("\n"));
    expect(await importFile(pool, lines)).toMatchObject({ rows: 3, imported: 3 });
    const file = fileOf(
      "users.json",
      `[\n1,\n"a,]",\n${JSON.stringify(user("abc_4"))},\nnull,\n[2], {"email":"${"x".repeat(300_000)}"}\n]\n`,
    );
    expect(await importFile(pool, file)).toMatchObject({ rows: 6, imported: 1, refused: 5 });
    expect(refusedOf(file).map(({ line }) => line)).toEqual([2, 3, 5, 6, 6]);
  });

  it("in more than one piece, gone on with behind the last batch", async () => {
    const many = Array.from({ length: 2_300 }, (_, n) =>
      user(`player_${n}`, { metadata: { text: '🦊\\"'.repeat(n % 20) } }),
    );
    const file = fileOf("users.json", JSON.stringify({ users: many }, null, 1));
    let batches = 0;
    const onProgress = () => {
      if (++batches === 2) throw new Error("dies");
    };
    await expect(importFile(pool, file, { onProgress })).rejects.toThrow("dies");
    expect(await importFile(pool, file)).toMatchObject({ rows: 2_300, imported: 2_300, resumedBehind: 1_000 });
  });

  it.each([
    ["[{}, {", /is incomplete/],
    ['{"a": 1', /is incomplete/],
    ["", /must be an array of users/],
    ["7", /must be an array of users/],
    ["]", /closing bracket without an opening one/],
  ])("but not %j", async (content, message) => {
    await expect(importFile(pool, fileOf("users.json", content))).rejects.toThrow(message);
  });
});

it("a file is not gone on with in another way of reading it", async () => {
  const file = fileOf("users.csv", csvOf(2_500));
  const stop = new AbortController();
  await importFile(pool, file, { signal: stop.signal, onProgress: () => stop.abort() });
  const mapping = createFieldMapping({ columns: { username: "email", email: "username" } });
  await expect(importFile(pool, file, { mapping })).rejects.toThrow(/began with another --format, --from or --map/);
  expect(await importFile(pool, file, { mapping: createFieldMapping() })).toMatchObject({
    outcome: "done",
    rows: 2_500,
  });
});

it("a file that was not changed is known again, whatever it is in", async () => {
  const file = fileOf("users.csv", gzipSync(two));
  await importFile(pool, file);
  expect(await importFile(pool, file)).toMatchObject({ outcome: "repeated" });
  writeFileSync(file, gzipSync(`${two}c@x.org,Mira_3,"${passwordHash}",\n`));
  expect(await importFile(pool, file)).toMatchObject({ imported: 1, refused: 2 });
  expect(readFileSync(`${file}.progress.json`, "utf8")).toContain("run");
});
