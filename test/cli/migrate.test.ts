import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { scratchServer } from "../../src/cli/migrate/session.ts";
import { readJournal } from "../../src/migrator/journal/folder.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { command, dataFolder, said, serve } from "../support/process.ts";

const a = { tag: "0000_a", up: "create table a (id int);", down: "drop table a;" };
const b = { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" };

/** Runs `aeturnis-data migrate …` until it exits. */
async function migrate(url: string, ...args: string[]) {
  return command(["migrate", ...args], { DATABASE_URL: url }).ended;
}

/** Runs `aeturnis-data migrate …` on a terminal. */
async function onTerminal(url: string, ...args: string[]) {
  const { code, output } = await command(["migrate", ...args], { DATABASE_URL: url }, { terminal: true }).ended;
  return { code, output: output.replaceAll("\r\n", "\n") };
}

describe("aeturnis-data migrate", () => {
  it("migrate status exits with 0 if all migrations are applied, 1 if some are pending, 2 for drift or an error", async () => {
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

  it("migrate up without a terminal logs each step as a line of JSON, and --json prints only the result", async () => {
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
        msg: "migration started",
      }),
      expect.objectContaining({
        level: "info",
        tag: "0000_a",
        outcome: "applied",
        ms: expect.any(Number),
        msg: "migration",
      }),
    ]);
    expect(JSON.parse((await migrate(url, "up", "--json", "--folder", folder)).stdout)).toEqual({
      results: [{ tag: "0001_b", outcome: "applied", duration: expect.any(Number) }],
    });
  });

  it("migrate up exits with 1 if a migration fails, and reports it as text on a terminal, as a log line without one, and in the result with --json", async () => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf({ tag: "0000_a", up: "select nonsense;" });
    const text =
      /^.*0000_a\.sql:1:8: column "nonsense" does not exist \(42703\)\n {2}1 \| select nonsense;\n {13}\^\nState of the database: no migration is applied/;
    const place = { tag: "0000_a", file: `${folder}/0000_a.sql`, line: 1, column: 8, sqlstate: "42703" };

    const { code, output } = await migrate(url, "up", "--folder", folder);
    expect(code).toBe(1);
    const lines = output.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
      ...place,
      level: "error",
      msg: expect.stringMatching(text),
    });

    const json = await migrate(url, "up", "--json", "--folder", folder);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      results: [{ tag: "0000_a", outcome: "failed" }],
      error: { ...place, name: "StatementError", message: expect.stringMatching(text) },
    });

    const terminal = await onTerminal(url, "up", "--folder", folder);
    expect(terminal.code).toBe(1);
    expect(terminal.output).toMatch(new RegExp(text.source, "m"));
    expect(terminal.output).not.toMatch(/^\{| at .*\.js:/m);
  });

  it.each<[string[], number, object]>([
    [["up", "--to", "0009_z"], 1, { name: "MigrationError", message: expect.stringContaining("no migration 0009_z") }],
    [["plan", "--to", "0009_z"], 1, { name: "MigrationError" }],
    [["baseline", "0009_z"], 1, { name: "MigrationError" }],
    [["repair", "0009_z"], 1, { name: "MigrationError" }],
    [["new", "Bad Name"], 1, { name: "MigrationError", message: expect.stringContaining("lower-case letters") }],
    [["up", "--folder", "/nowhere"], 1, { name: "FolderError" }],
    [["up", "--table", "foo"], 2, { name: "UsageError", message: expect.stringContaining("--table must be") }],
    [["up", "--steps", "0"], 2, { name: "UsageError", message: expect.stringMatching(/^option '--steps <count>'/) }],
    [["status", "--nonsense"], 2, { name: "UsageError", message: "unknown option '--nonsense'" }],
    [["baseline"], 2, { name: "UsageError", message: "missing required argument 'tag'" }],
  ])("migrate %j --json prints only the error, as JSON, on standard output", async (args, code, error) => {
    const { url } = await emptyDatabase();
    const found = await migrate(url, ...args, "--json");
    expect(found.code).toBe(code);
    expect(JSON.parse(found.stdout)).toEqual({ error: expect.objectContaining(error) });
  });

  it("migrate --json prints only the error, as JSON, if the database or its URL cannot be used", async () => {
    const { url } = await emptyDatabase();
    const unknown = await migrate(`${url}_none`, "up", "--json");
    expect(JSON.parse(unknown.stdout)).toEqual({ error: { name: "ConnectError", message: expect.any(String) } });
    const bad = await migrate("postgres:s3cret@x", "status", "--json");
    expect(JSON.parse(bad.stdout)).toEqual({ error: { name: "ConfigError", message: expect.any(String) } });
    expect([unknown.code, bad.code]).toEqual([1, 2]);
    expect(bad.output).not.toContain("s3cret");
  });

  it("migrate verify --json keeps earlier results when a down migration ends the session", async () => {
    const { url } = await emptyDatabase({ direct: true });
    const { folder } = migrationsOf(a, { ...b, down: "select pg_terminate_backend(pg_backend_pid());" });
    const { code, stdout } = await migrate(url, "verify", "--json", "--folder", folder);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      proofs: [
        { tag: "0000_a", outcome: "verified" },
        { tag: "0001_b", outcome: "failed", reasons: [expect.stringContaining("57P01")] },
      ],
    });
  });

  it("migrate verify --json reports why it cannot verify a migration", async () => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf(a, { ...b, down: "drop role nobody;" });
    const { code, stdout } = await migrate(url, "verify", "--json", "--folder", folder);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      proofs: [],
      error: { name: "MigrationError", message: expect.stringContaining("0001_b.down.sql") },
    });
  });

  it.each([
    "postgres://u:s3cretPW@127.0.0.1:notaport/x",
    "postgres:s3cretPW@127.0.0.1",
    "postgres://u:s3cretPW%@127.0.0.1/x",
    "mysql://u:s3cretPW@127.0.0.1/x",
    "postgres://u:s3cretPW@127.0.0.1/x?sslmode=bogus",
  ])("--scratch %s is refused as in DATABASE_URL, and the error does not contain it", async (scratch) => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf(a);
    const { code, output } = await migrate(url, "verify", "--folder", folder, "--scratch", scratch);
    expect(code).toBe(2);
    expect(output).toMatch(/^--scratch (must be a URL such as|has an sslmode|has a port) .*\n$/);
    expect(output).not.toContain("s3cret");
  });

  it("errors of --scratch name --scratch and not DATABASE_URL, and its TLS settings apply", async () => {
    const { url } = await emptyDatabase({ direct: true });
    const { folder } = migrationsOf(a);
    const { output } = await migrate(url, "plan", "--folder", folder, "--scratch", `${url}_none`);
    expect(output).toContain("or check --scratch.");
    expect(scratchServer({ url, ssl: "disable" }, `${url}?sslmode=require`)?.ssl).toBe("require");
    expect(scratchServer({ url, ssl: "require" }, url)?.ssl).toBe("require");
  });

  it("migrate down without a terminal removes no rows unless --yes is given", async () => {
    const { url, sql } = await emptyDatabase();
    const { folder } = migrationsOf(a);
    await migrate(url, "up", "--folder", folder);
    await sql`insert into a values (1), (2)`;
    expect(await migrate(url, "down", "--folder", folder)).toMatchObject({
      code: 1,
      output: expect.stringContaining(String.raw`because rows would be lost:\n  - public.a: 2 rows`),
    });
    expect((await migrate(url, "down", "--dry-run", "--json", "--folder", folder)).output).toMatch(
      /"losses": \[\s+\{\s+"table": "public\.a",\s+"rows": 2/,
    );
    expect(await migrate(url, "down", "--yes", "--folder", folder)).toMatchObject({ code: 0 });
    expect((await migrate(url, "status", "--folder", folder)).output).toBe("0000_a  pending\n");
  });

  it("migrate up and down with nothing to do name the limit of the run", async () => {
    const { url } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    await migrate(url, "up", "--to", a.tag, "--folder", folder);
    const said = async (...args: string[]) => (await migrate(url, ...args, "--folder", folder)).output;
    expect(await said("up", "--to", a.tag)).toBe("Nothing to do: everything up to 0000_a is applied.\n");
    expect(await said("down", "--to", a.tag)).toBe("Nothing to do: no migration after 0000_a is applied.\n");
    await migrate(url, "down", "--folder", folder);
    expect(await said("down")).toBe("Nothing to do: no migration is applied.\n");
  });

  it("migrate plan, verify, check, repair and baseline print text, or JSON with --json", async () => {
    const { url, sql } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    const flags = ["--folder", folder];
    expect((await migrate(url, "plan", ...flags)).output).toContain(
      `0000_a (one transaction: every lock is held until it ends)\n\n  -- ${folder}/0000_a.sql:1\n  create table a (id int);\n`,
    );
    expect(JSON.parse((await migrate(url, "plan", "--json", ...flags)).output)).toMatchObject({
      migrations: [{ tag: "0000_a" }, { tag: "0001_b" }],
    });
    expect(await migrate(url, "verify", ...flags)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^verified {6}0000_a .* m?s\nverified {6}0001_b/),
    });
    expect(await migrate(url, "check", ...flags)).toMatchObject({
      code: 0,
      output: expect.stringContaining("consistent"),
    });
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
  ])("migrate refuses %j in one sentence", async (args, message) => {
    const { url } = await emptyDatabase();
    const { code, output } = await migrate(url, ...args);
    expect(code).toBe(args[1] === "--to" ? 1 : 2);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/ at .*\.js:/);
  });

  it("migrate without DATABASE_URL uses the embedded database, whether or not the service is running", async () => {
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
  it("serve on an external database reports pending migrations, and applies them only with --migrate, also when started twice at once", async () => {
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
    expect(await sql`select count(*)::int as n from drizzle.__drizzle_migrations`).toEqual([
      { n: readJournal().length },
    ]);
    const again = await fetch(`${(await said(both[0] as never, /API +(\S+)/)).replace("/trpc", "")}/readyz`);
    expect(again.status).toBe(200);
  });
});
