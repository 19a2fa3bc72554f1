import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { command, dataFolder, said, serve } from "../support/process.ts";

const a = { tag: "0000_a", up: "create table a (id int);", down: "drop table a;" };
const b = { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" };

/** `aeturnis-data migrate …`, to its end. */
async function migrate(url: string, ...args: string[]) {
  return command(["migrate", ...args], { DATABASE_URL: url }).ended;
}

describe("aeturnis-data migrate", () => {
  it("status ends with 0 when all are applied, 1 when some are pending, 2 when a person must look or it cannot be told", async () => {
    const { url } = await emptyDatabase();
    const { folder, write } = migrationsOf(a, b);
    expect(await migrate(url, "status", "--folder", folder)).toMatchObject({
      code: 1,
      output: "0000_a  pending\n0001_b  pending\n",
    });
    await migrate(url, "up", "--folder", folder);
    const all = await migrate(url, "status", "--folder", folder);
    expect(all.code).toBe(0);
    expect(all.output).toMatch(/^0000_a {2}applied {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}in \d+ ms\n0001_b/);
    write({ ...a, up: "create table a (id bigint);" }, b);
    expect(await migrate(url, "status", "--folder", folder)).toMatchObject({
      code: 2,
      output: expect.stringContaining("0000_a  edited"),
    });
    expect(await migrate("postgres://nobody@127.0.0.1:1/none", "status", "--folder", folder)).toMatchObject({
      code: 2,
      output: expect.stringContaining("was not reached"),
    });
  });

  it("up logs each step as a line of JSON where nobody watches, and --json prints the result alone", async () => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    const { code, output } = await migrate(url, "up", "--steps", "1", "--folder", folder);
    expect(code).toBe(0);
    expect(
      output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      expect.objectContaining({
        level: "info",
        tag: "0000_a",
        direction: "up",
        statements: 1,
        msg: "migration begins",
      }),
      expect.objectContaining({
        level: "info",
        tag: "0000_a",
        outcome: "applied",
        ms: expect.any(Number),
        msg: "migration",
      }),
    ]);
    const json = command(["migrate", "up", "--json", "--folder", folder], { DATABASE_URL: url });
    let result = "";
    json.child.stdout.on("data", (data) => (result += data));
    await json.ended;
    expect(JSON.parse(result)).toEqual({
      results: [{ tag: "0001_b", outcome: "applied", duration: expect.any(Number) }],
    });
  });

  it("a migration that fails ends it with 1 and one readable text, and with --json with that in it", async () => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf({ tag: "0000_a", up: "select nonsense;" });
    const { code, output } = await migrate(url, "up", "--folder", folder);
    expect(code).toBe(1);
    expect(output).toMatch(
      /0000_a\.sql:1:8: column "nonsense" does not exist \(42703\)\n {2}1 \| select nonsense;\n {13}\^\nState of the database: no migration is applied/,
    );
    expect(output).not.toMatch(/ at .*\.js:/);
    const json = await migrate(url, "up", "--json", "--folder", folder);
    expect(json.code).toBe(1);
    expect(json.output).toMatch(/"message": ".*column \\"nonsense\\" does not exist/);
  });

  it("down keeps rows unless --yes is said, where nobody can be asked", async () => {
    const { url, sql } = await emptyDatabase();
    const { folder } = migrationsOf(a);
    await migrate(url, "up", "--folder", folder);
    await sql`insert into a values (1), (2)`;
    expect(await migrate(url, "down", "--folder", folder)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/Nothing was undone, because rows would be lost:\n {2}- public\.a: 2 rows/),
    });
    expect((await migrate(url, "down", "--dry-run", "--json", "--folder", folder)).output).toMatch(
      /"losses": \[\s+\{\s+"table": "public\.a",\s+"rows": 2/,
    );
    expect(await migrate(url, "down", "--yes", "--folder", folder)).toMatchObject({ code: 0 });
    expect((await migrate(url, "status", "--folder", folder)).output).toBe("0000_a  pending\n");
  });

  it("plan, verify, check, repair and baseline print for people, or as JSON", async () => {
    const { url, sql } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    const flags = ["--folder", folder];
    expect((await migrate(url, "plan", ...flags)).output).toContain(
      `0000_a (one transaction: what it locks stays locked until its end)\n\n  -- ${folder}/0000_a.sql:1\n  create table a (id int);\n`,
    );
    expect(JSON.parse((await migrate(url, "plan", "--json", ...flags)).output)).toMatchObject({
      migrations: [{ tag: "0000_a" }, { tag: "0001_b" }],
    });
    expect(await migrate(url, "verify", ...flags)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^proved {8}0000_a .* m?s\nproved {8}0001_b/),
    });
    expect(await migrate(url, "check", ...flags)).toMatchObject({ code: 0, output: expect.stringContaining("whole") });
    await sql.unsafe(a.up);
    expect(await migrate(url, "baseline", "0000_a", ...flags)).toMatchObject({ code: 0, output: "1 recorded.\n" });
    expect(await migrate(url, "repair", ...flags)).toMatchObject({
      code: 0,
      output: "Nothing to repair: the records agree with the files.\n",
    });
    expect(await migrate(url, "status", ...flags)).toMatchObject({ code: 1 });
  });

  it.each([
    [["up", "--steps", "0"], /It must be a whole number from 1 on/],
    [["up", "--lock-wait", "soon"], /It must be a number of seconds/],
    [["down", "--all", "--steps", "2"], /cannot be used with/],
    [["status", "--table", "migrations"], /--table must be a schema and a table/],
    [["up", "--to", "0009_z"], /There is no migration 0009_z; there are: 0000_create_users/],
  ])("refuses %j in one sentence", async (args, message) => {
    const { url } = await emptyDatabase();
    const { code, output } = await migrate(url, ...args);
    expect(code).not.toBe(0);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/ at .*\.js:/);
  });

  it("without DATABASE_URL it works on the embedded database, whether the service runs on it or not", async () => {
    const folder = dataFolder();
    const env = { DATA_DIR: folder };
    const first = await command(["migrate", "up"], env).ended;
    expect(first.code).toBe(0);
    const service = await serve(env);
    expect(await command(["migrate", "status"], env).ended).toMatchObject({
      code: 0,
      output: expect.stringContaining("0003_create_sessions       applied"),
    });
    await service.stop();
    expect((await command(["migrate", "status"], env).ended).code).toBe(0);
    expect(readFileSync(`${folder}/url`, "utf8")).toMatch(/^postgres:/);
  });
});

describe("aeturnis-data serve", () => {
  it("applies nothing on a database of one's own, says what is pending, and applies it with --migrate, also twice at once", async () => {
    const { url, sql } = await emptyDatabase();
    const service = await serve({ DATABASE_URL: url });
    await said(service, /migrations are pending/);
    const ready = await fetch(service.url.replace("/trpc", "/readyz"));
    expect([ready.status, ((await ready.json()) as { pending: string[] }).pending[0]]).toEqual([
      503,
      "0000_create_users",
    ]);
    await service.stop();

    const env = { DATABASE_URL: url, PORT: "0" };
    const both = [command(["serve", "--migrate"], env), command(["serve", "--migrate"], env)];
    for (const one of both) await said(one, /API +(\S+)/);
    expect(await sql`select count(*)::int as n from drizzle.__drizzle_migrations`).toEqual([{ n: 5 }]);
    const again = await fetch(`${(await said(both[0] as never, /API +(\S+)/)).replace("/trpc", "")}/readyz`);
    expect(again.status).toBe(200);
  });
});
