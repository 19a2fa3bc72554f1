import { describe, expect, it } from "vitest";
import { createFieldMapping } from "../../../src/accounts/mapping/field-mapping.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile, rejectedRowsOf, useImportDatabase } from "../../support/import.ts";

const shared = useImportDatabase();

describe("readCsv", () => {
  const table = (delimiter: string, end = "\n") =>
    [
      ["E-Mail", "User Name", "Password Hash", "email_verified"],
      ["a@x.org", "Mira_1", `"${passwordHash}"`, "TRUE"],
    ]
      .map((row) => row.join(delimiter) + end)
      .join("");

  it.each([
    ["semicolons", table(";")],
    ["tabs", table("\t")],
    ["vertical bars", table("|")],
    ["semicolons after a line sep=;", `sep=;\r\n${table(";", "\r\n")}`],
    ["commas after a line sep=,", `sep=,\n${table(",")}`],
    ["rows that end with CR alone", table(",", "\r")],
    ["spaces after commas", table(", ")],
    ["spaces around semicolons", table(" ; ")],
  ])("an import reads CSV with %s", async (_, content) => {
    const file = fileOf("users.csv", `${content}`);
    expect(await importFile(shared.pool, file)).toMatchObject({ rows: 1, imported: 1, refused: 0 });
    expect(await shared.database.sql`select email, username, password_hash, email_verified from users`).toEqual([
      { email: "a@x.org", username: "Mira_1", password_hash: passwordHash, email_verified: true },
    ]);
  });

  it("an error of CSV names the delimiter, and the issue of a row its line", async () => {
    await expect(importFile(shared.pool, fileOf("users.csv", "email;name\n"))).rejects.toThrow(
      /"name" is not a field.*by a semicolon/,
    );
    await expect(importFile(shared.pool, fileOf("users.csv", "email\tusername\n"))).rejects.toThrow(
      /passwordHash.*by a tab/,
    );
    await expect(importFile(shared.pool, fileOf("users.csv", "name\n"))).rejects.toThrow(
      /--map COLUMN=FIELD.*by a comma/,
    );
    const file = fileOf("users.csv", `sep=;\nemail;username;passwordHash\n"a\n";b;c\nx;y\n`);
    await importFile(shared.pool, file);
    expect(rejectedRowsOf(file).map(({ line, message }) => [line, message])).toEqual([
      [3, "must be an email address, such as mira@example.com"],
      [5, "has 2 fields instead of 3, separated by a semicolon"],
    ]);
  });

  it("an import skips rows without values, and reads NULL and \\N as no value, except in a username", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash,metadata,last_login,role\n,,,,,\n , ,,,,\na@x.org,Mira_1,"${passwordHash}",NULL,\\N,NULL\n,,,,,\n\nb@x.org,"NULL","${passwordHash}",,,admin\n`,
    );
    expect(await importFile(shared.pool, file)).toMatchObject({ rows: 2, imported: 2, refused: 0 });
    expect(await shared.database.sql`select username, metadata, last_login, role from users order by email`).toEqual([
      { username: "Mira_1", metadata: {}, last_login: null, role: "user" },
      { username: "NULL", metadata: {}, last_login: null, role: "admin" },
    ]);
  });

  it("a mapping of columns renames fields, and counts the values that it omits", async () => {
    const file = fileOf(
      "users.csv",
      `mail,login,hash,country,note\na@x.org,Mira_1,"${passwordHash}",CH,\nb@x.org,Mira_2,"${passwordHash}",DE,x\n`,
    );
    const mapping = createFieldMapping({
      columns: { mail: "email", login: "username", hash: "password_hash", country: "", note: "" },
    });
    expect(await importFile(shared.pool, file, { mapping })).toMatchObject({
      imported: 2,
      leftOut: { country: 2, note: 1 },
    });
    expect(() => createFieldMapping({ columns: { mail: "address" } })).toThrow(
      /--map mail=address: "address" is not a field/,
    );
  });

  it("an import keeps Unicode spaces, which make an email not valid", async () => {
    const file = fileOf(
      "users.csv",
      `email,username,passwordHash\n\u00a0a@x.org,Mira_1,"${passwordHash}"\n\u212a@x.org\u2003,Mira_2,"${passwordHash}"\n`,
    );
    expect(await importFile(shared.pool, file)).toMatchObject({ imported: 0, refused: 2 });
    expect(rejectedRowsOf(file).map(({ field }) => field)).toEqual(["email", "email"]);
  });
});
