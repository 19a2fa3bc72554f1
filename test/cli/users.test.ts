import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDatabase, emptyTables, poolerOf, type TestDatabase } from "../support/database.ts";
import { csvOf, csvRow, fileOf, rejectedRowsOf } from "../support/import.ts";
import { emptyDatabase } from "../support/migrations.ts";
import { command, dataFolder, said } from "../support/process.ts";

const main = join(import.meta.dirname, "../../dist/bin/aeturnis-data.js");

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.sql));

const users = (...args: string[]) => command(["users", ...args], { DATABASE_URL: database.url });
const count = async () => (await database.sql`select count(*)::int as n from users`)[0]?.["n"];

/** Waits until the table has so many users, or the command has ended. */
async function untilImported({ child }: { child: ChildProcess }, users: number): Promise<void> {
  while ((await count()) < users && child.exitCode === null) await setTimeout(5);
}

describe("aeturnis-data users import", () => {
  it("users import exits with 0 if all rows are imported, 1 if some are refused, 2 if it fails", async () => {
    const good = fileOf("users.csv", csvOf(3));
    const { code, output } = await users("import", good).ended;
    expect(code).toBe(0);
    expect(JSON.parse(output.trim().split("\n").at(-1) ?? "")).toMatchObject({
      level: "info",
      outcome: "done",
      rows: 3,
      imported: 3,
      refused: 0,
      msg: "import ended",
    });
    const [{ actor }] = (await database.sql`
      select actor from audit_log where resource_type = 'users' and action = 'insert' limit 1`) as unknown as [
      { actor: string },
    ];
    expect(actor).toMatch(/^system:import:[\w.-]+$/);

    const bad = fileOf("users.csv", csvOf(3));
    const refused = await users("import", bad, "--json").ended;
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('"refused": 3');
    expect(rejectedRowsOf(bad)).toHaveLength(3);

    for (const args of [
      ["nowhere.csv"],
      [fileOf("users.txt", "")],
      [fileOf("users.csv", "")],
      ["x.csv", "--format", "xml"],
    ]) {
      const failed = await users("import", ...args).ended;
      expect([failed.code, failed.output]).toEqual([2, expect.not.stringMatching(/ at .*\.js:/)]);
    }
  });

  it("users import reads exports of other systems, mapped columns and reserved names, and reports omitted values", async () => {
    const csv = `ID,user_login,user_pass,user_email,display_name\n1,Guest4711,$P$B${"x".repeat(30)},a@example.com,Mira\n`;
    const file = fileOf("wp_users.csv", csv);
    expect((await users("import", file, "--from", "wordpress").ended).code).toBe(1);
    const kept = await users("import", file, "--from", "wordpress", "--allow-reserved-names", "--restart", "--json")
      .ended;
    expect(kept.code).toBe(0);
    expect(kept.output).toMatch(/"leftOut": \{\s+"display_name": 1\s+\}/);

    const mapped = fileOf("users.tsv", `mail\tlogin\thash\tx=y\nb@example.com\tMira\t!\t1\n`);
    const map = ["mail=email", "login=username", "hash=passwordHash", "x=y="].flatMap((column) => ["--map", column]);
    expect((await users("import", mapped, ...map).ended).code).toBe(0);
    expect(await count()).toBe(2);

    const exported = [
      {
        localId: "u",
        email: "c@example.com",
        displayName: "Tom_1",
        passwordHash: "x".repeat(86),
        salt: "c2FsdHNhbHQ=",
      },
    ];
    const firebase = fileOf("users.json", JSON.stringify({ users: exported }));
    const config = fileOf("hash.txt", `base64_signer_key: ${"k".repeat(86)}==,\nbase64_salt_separator: Bw==,`);
    const args = ["import", firebase, "--from", "firebase", "--firebase-hash-config", config];
    expect((await users(...args).ended).code).toBe(0);
    for (const wrong of [
      ["--map", "x"],
      ["--map", "x=nothing"],
      ["--from", "geocities"],
      ["--firebase-hash-config", firebase],
    ])
      expect([wrong, (await users("import", mapped, "--from", "firebase", ...wrong).ended).code]).toEqual([wrong, 2]);
  });

  it("commands on a database with pending migrations name them and do nothing", async () => {
    const { url } = await emptyDatabase();
    for (const args of [
      ["users", "import", fileOf("users.csv", csvOf(1))],
      ["users", "export"],
      ["token", "--user", "x_y"],
    ]) {
      const { code, output } = await command(args, { DATABASE_URL: url, JWT_SECRET: "x".repeat(40) }).ended;
      expect(code).not.toBe(0);
      expect(output).toMatch(/^Nothing was done: migrations are pending \(0000_create_users, .*migrate up\n$/);
    }
  });

  it("users import resumes after kill -9 at any time, exactly after the last committed batch", async () => {
    const bad = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [index * 200 + 7, `bad_${index},x,y`]));
    const file = fileOf("users.csv", csvOf(8_000, bad));
    for (let kills = 0; kills < 4; kills++) {
      const before = await count();
      const running = users("import", file);
      await untilImported(running, before + 1);
      // The import is then reading, writing or committing.
      await setTimeout(kills * 7);
      running.child.kill("SIGKILL");
      await running.ended;
    }
    const { code, output } = await users("import", file, "--json").ended;
    expect(code).toBe(1);
    expect(output).toMatch(/"outcome": "(done|repeated)",\s+"rows": 8000,\s+"imported": 7960,\s+"refused": 40/);
    expect(await count()).toBe(7_960);
    expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual(Object.keys(bad).map((at) => Number(at) + 2));
  });

  it("users import stops at Ctrl-C after the current batch, and reports that it stopped", async () => {
    const file = fileOf("users.csv", csvOf(30_000));
    const running = users("import", file);
    await untilImported(running, 1);
    running.child.kill("SIGINT");
    const { code, output } = await running.ended;
    expect(code).toBe(130);
    const report = JSON.parse(output.trim().split("\n").at(-1) ?? "");
    expect(report).toMatchObject({ outcome: "stopped", refused: 0 });
    expect(await count()).toBe(report.imported);
    expect(report.imported).toBeLessThan(30_000);
  });

  it("users import reads standard input, and logs rejected rows at once", async () => {
    const child = spawn(process.execPath, [main, "users", "import", "-", "--format", "csv"], {
      env: { PATH: process.env["PATH"], DATABASE_URL: database.url, ...poolerOf(database.url) },
    });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stdin.end(`${csvOf(2)}bad,x,y\n${csvRow("last_one")}\n`);
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(1);
    expect(output).toMatch(/"level":"warn".*"line":4,.*"field":"email".*"msg":"row refused"/);
    expect(await count()).toBe(3);
  });

  it("users import never prints a password hash, even if the database fails", async () => {
    await database.sql`alter table users rename column metadata to other`;
    const file = fileOf(
      "users.jsonl",
      `{"email":"a@example.com","username":"abc","passwordHash":"$2b$12$${"a".repeat(53)}","metadata":{}}\n`,
    );
    const { code, output } = await users("import", file).ended.finally(
      () => database.sql`alter table users rename column other to metadata`,
    );
    expect([code, output]).toEqual([2, expect.stringContaining("42703")]);
    expect(output).not.toContain("$2b$");
  });
});

describe("aeturnis-data users export", () => {
  it("users export writes to standard output or a file, and an import of it restores all users", async () => {
    await users("import", fileOf("users.csv", csvOf(1_200))).ended;
    const running = users("export", "--format", "jsonl");
    let text = "";
    running.child.stdout.on("data", (data) => (text += data));
    expect((await running.ended).code).toBe(0);
    expect(text.trimEnd().split("\n")).toHaveLength(1_200);
    expect(text).not.toContain("argon2");

    const file = fileOf("all.csv", "");
    expect(await users("export", file, "--with-password-hashes").ended).toMatchObject({
      code: 0,
      output: "1,200 users exported.\n",
    });
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(1_202);
    await emptyTables(database.sql);
    expect((await users("import", file).ended).code).toBe(0);
    expect(await count()).toBe(1_200);
  });

  it("users export writes to the target of a link, even a stream, and reports an error in one line", async () => {
    await users("import", fileOf("users.csv", csvOf(2))).ended;
    const link = `${fileOf("x.csv", "")}.link`;
    symlinkSync("/proc/self/fd/1", link);
    expect((await users("export", link).ended).output).toMatch(/^id,email.*player_1@example\.com.*2 users exported/s);
    const { code, output } = await users("export", "/nowhere/at/all.csv").ended;
    expect([code, output]).toEqual([1, "/nowhere/at/all.csv cannot be written: the folder does not exist.\n"]);
  });

  it("users import and export start the embedded database if it is not running", async () => {
    const env = { DATA_DIR: dataFolder() };
    await command(["migrate", "up"], env).ended;
    expect((await command(["users", "import", fileOf("users.csv", csvOf(2))], env).ended).code).toBe(0);
    const service = command(["serve"], { ...env, PORT: "0" });
    await said(service, /API +(\S+)/);
    expect((await command(["users", "export"], env).ended).output).toMatch(
      /^id,email.*player_0@example\.com.*2 users exported/s,
    );
  });
});
