import { describe, expect, it } from "vitest";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile, rejectedRowsOf, useImportDatabase } from "../../support/import.ts";

const shared = useImportDatabase();

describe("parseTimestamp", () => {
  const row = (time: string) => `email,username,passwordHash,createdAt\na@x.org,Mira_1,"${passwordHash}","${time}"\n`;
  const stored = async () =>
    (
      await shared.database
        .sql`select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as at from users`
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
  ])("an import reads the time %s", async (time, expected) => {
    expect(await importFile(shared.pool, fileOf("users.csv", row(time)))).toMatchObject({ imported: 1 });
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
  ])("an import rejects the time %s and names the reason", async (time, message) => {
    const file = fileOf("users.csv", row(time));
    await importFile(shared.pool, file);
    expect(rejectedRowsOf(file)).toEqual([
      { line: 2, code: "BAD_REQUEST", field: "createdAt", message: expect.stringMatching(message) },
    ]);
  });
});

describe("importedUserSchema", () => {
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
  ])("an import accepts the email %s", async (email) => {
    const file = fileOf("users.jsonl", JSON.stringify({ email, username: "Mira_1", passwordHash }));
    expect(await importFile(shared.pool, file)).toMatchObject({ imported: 1 });
    expect(await shared.emails()).toEqual([email.toLowerCase()]);
  });

  it("an import rejects a reserved name and names the option that allows it", async () => {
    const rows = ["Guest4711", "dev", "News", "admin"].map((username) =>
      JSON.stringify({ email: `${username}@x.org`, username, passwordHash }),
    );
    const file = fileOf("users.jsonl", rows.join("\n"));
    expect(await importFile(shared.pool, file)).toMatchObject({ imported: 0, refused: 4 });
    expect(rejectedRowsOf(file)[0]?.message).toContain("--allow-reserved-names");
    expect(await importFile(shared.pool, file, { restart: true, allowReservedNames: true })).toMatchObject({
      imported: 4,
    });
  });

  it("an import accepts ! as the hash of an account without a password, and no other such mark", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash\na@x.org,Mira_1,!\nb@x.org,Mira_2,!unusable\nc@x.org,Mira_3,\nd@x.org,Mira_4,*\n`,
    );
    expect(await importFile(shared.pool, file)).toMatchObject({ imported: 1, refused: 3 });
    expect(await shared.database.sql`select email, password_hash from users`).toEqual([
      { email: "a@x.org", password_hash: "!" },
    ]);
    expect(rejectedRowsOf(file)[0]?.message).toBe("must be a hash, or exactly ! for an account without a password");
  });

  it("an import keeps the digits of numbers in metadata, and rejects inexact numbers by their path", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash,metadata\na@x.org,Mira_1,"${passwordHash}","{""a"":[1.0,0.10,1e2]}"\nb@x.org,Mira_2,"${passwordHash}","{""a"":[12345678901234567890]}"\nc@x.org,Mira_3,"${passwordHash}","{""a"":1e400}"\n`,
    );
    expect(await importFile(shared.pool, file)).toMatchObject({ imported: 1, refused: 2 });
    expect(await shared.database.sql`select metadata::text from users`).toEqual([
      { metadata: '{"a": [1.0, 0.10, 100]}' },
    ]);
    expect(rejectedRowsOf(file).map(({ field }) => field)).toEqual(["metadata.a.0", "metadata.a"]);
  });
});
