import { describe, expect, it } from "vitest";
import { emptyTables } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile, rejectedRowsOf, useImportDatabase } from "../../support/import.ts";

const shared = useImportDatabase();

describe("readJsonDocument", () => {
  const user = (name: string, more: object = {}) => ({ email: `${name}@x.org`, username: name, passwordHash, ...more });
  const users = [user("abc_1", { metadata: { users: [{ a: '"]}' }] } }), user("abc_2"), user("abc_3")];

  it.each([
    ["an array", users],
    [
      "an object with an array named users",
      { kind: "x", other: { users: [1] }, deep: [["users"]], users, more: [user("not_one")] },
    ],
  ])("an import reads %s, in one line or many, from .json and .jsonl", async (_, document) => {
    for (const name of ["users.json", "users.jsonl"])
      for (const indent of [0, 2]) {
        const file = fileOf(name, JSON.stringify(document, null, indent));
        // The first line of JSON lines is a user. An object in one line that has `users` last looks the same.
        if (name === "users.jsonl" && indent === 0 && !Array.isArray(document)) continue;
        expect(await importFile(shared.pool, file), `${name} ${indent}`).toMatchObject({
          rows: 3,
          imported: 3,
          refused: 0,
        });
        expect((await shared.database.sql`select metadata from users order by email limit 1`)[0]?.["metadata"]).toEqual(
          {
            users: [{ a: '"]}' }],
          },
        );
        await emptyTables(shared.database.sql);
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
  ])("an import reads all users of %s, one after another", async (_, document) => {
    const [one = "", other = ""] = ["a", "b"].map((name) =>
      JSON.stringify({ email: `${name}@x.org`, username: `Mira_${name}`, passwordHash }),
    );
    for (const name of ["users.json", "users.jsonl"]) {
      await emptyTables(shared.database.sql);
      const file = fileOf(name, document(one, other));
      expect(await importFile(shared.pool, file)).toMatchObject({ imported: 2, refused: 0 });
    }
  });

  it("an import refuses text after the end of a document", async () => {
    const file = fileOf("users.json", `[{"email":"a@x.org","username":"Mira_1","passwordHash":"!"}] x`);
    await expect(importFile(shared.pool, file)).rejects.toThrow("line 1");
  });

  it("an import reads objects one after another, and rejects elements that are not users by their line", async () => {
    const lines = fileOf("users.json", users.map((one) => JSON.stringify(one)).join("\n"));
    expect(await importFile(shared.pool, lines)).toMatchObject({ rows: 3, imported: 3 });
    const file = fileOf(
      "users.json",
      `[\n1,\n"a,]",\n${JSON.stringify(user("abc_4"))},\nnull,\n[2], {"email":"${"x".repeat(300_000)}"}\n]\n`,
    );
    expect(await importFile(shared.pool, file)).toMatchObject({ rows: 6, imported: 1, refused: 5 });
    expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([2, 3, 5, 6, 6]);
  });

  it("an import of a JSON document resumes after the last committed batch", async () => {
    const many = Array.from({ length: 2_300 }, (_, n) =>
      user(`player_${n}`, { metadata: { text: '🦊\\"'.repeat(n % 20) } }),
    );
    const file = fileOf("users.json", JSON.stringify({ users: many }, null, 1));
    let batches = 0;
    const onProgress = () => {
      if (++batches === 2) throw new Error("interrupted");
    };
    await expect(importFile(shared.pool, file, { onProgress })).rejects.toThrow("interrupted");
    expect(await importFile(shared.pool, file)).toMatchObject({ rows: 2_300, imported: 2_300, resumedBehind: 1_000 });
  });

  it.each([
    ["[{}, {", /is incomplete/],
    ['{"a": 1', /is incomplete/],
    ["", /must be an array of users/],
    ["7", /must be an array of users/],
    ["]", /closing bracket without an opening one/],
  ])("an import refuses the document %j", async (content, message) => {
    await expect(importFile(shared.pool, fileOf("users.json", content))).rejects.toThrow(message);
  });
});
