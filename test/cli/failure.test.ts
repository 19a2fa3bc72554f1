import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase, createLogin, type TestDatabase, withLogin } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { command, said } from "../support/process.ts";
import { wireTo } from "../support/proxy.ts";
import { auditSigningKey, secret } from "../support/service.ts";

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  folder = mkdtempSync(join(tmpdir(), "aeturnis-failure-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

const settings = { JWT_SECRET: secret, AUDIT_SIGNING_KEY: auditSigningKey };
const run = (args: readonly string[], url = database.url) => command([...args], { ...settings, DATABASE_URL: url });

it("a command whose login has no privileges says in one line what is denied, and the remedy", async () => {
  const login = await createLogin(database.sql);
  const url = withLogin(database.directUrl, login);
  const denied = `The role ${login.user} lacks a privilege: permission denied for schema drizzle (42501).`;
  const remedy = `Connect as the owner of the tables, or, as the owner, run: aeturnis-data role grant ${login.user}`;
  for (const args of [
    ["audit", "status"],
    ["audit", "key", "rotate"],
    ["audit", "tail"],
    ["keys", "rotate"],
    ["token", "--user", "nobody"],
    ["users", "export"],
  ])
    expect(await run(args, url).ended, args.join(" ")).toMatchObject({ code: 1, output: `${denied} ${remedy}\n` });
  expect(await run(["role", "grant", login.user], url).ended).toMatchObject({
    code: 1,
    output: `${denied} Run the command as the owner of the tables.\n`,
  });
});

it("an error that PostgreSQL reports is one line with the SQLSTATE, without a stack", async () => {
  const { sql } = database;
  await sql.begin(async (tx) => {
    await tx`lock table users`;
    // Without a header, which is printed before the first row.
    const exporting = run(["users", "export", "--format", "jsonl"]);
    await eventually(async () =>
      expect(
        await tx`select pg_cancel_backend(pid) from pg_locks where relation = 'users'::regclass and not granted`,
      ).toHaveLength(1),
    );
    expect(await exporting.ended).toMatchObject({
      code: 1,
      output:
        "The database cannot answer now. Try again in a few seconds. " +
        "PostgreSQL reported: canceling statement due to user request (57014).\n",
    });
  });
  await sql`alter table audit_checkpoints rename to renamed`;
  const rotating = await run(["audit", "key", "rotate"]).ended;
  await sql`alter table renamed rename to audit_checkpoints`;
  expect(rotating).toMatchObject({
    code: 1,
    output: 'The database reported an error: relation "public.audit_checkpoints" does not exist (42P01).\n',
  });
});

it("a file that an option names and that cannot be used is named with the option", async () => {
  const nowhere = join(folder, "none", "state");
  for (const [args, fault] of [
    [["audit", "verify", "--against", folder], `--against ${folder}: is a folder, not a file`],
    [["audit", "verify", "--against", nowhere], `--against ${nowhere}: there is no such file or folder`],
    [["audit", "tail", "--state", folder], `--state ${folder}: is a folder, not a file`],
    [["audit", "tail", "--state", nowhere], `--state ${nowhere}: there is no such file or folder`],
    [
      ["users", "import", "package.json", "--from", "firebase", "--firebase-hash-config", folder],
      `--firebase-hash-config ${folder}: is a folder, not a file`,
    ],
  ] as const)
    expect(await run(args).ended).toMatchObject({ code: 2, output: `${fault}\n` });
});

it("a command says that it waits for the database, and ends at Ctrl-C without a further message", async () => {
  const wire = await wireTo(database.url);
  await wire.cut();
  const waiting = `Waiting for PostgreSQL at ${new URL(wire.url).host}, which does not answer.\n`;
  const interrupt = async (...args: string[]) => {
    const running = run(args, wire.url);
    await said(running, /Waiting .*\n/);
    running.child.kill("SIGINT");
    return running.ended;
  };
  const ended = await Promise.all([
    interrupt("audit", "verify", "--json"),
    interrupt("audit", "seal"),
    interrupt("audit", "key", "rotate"),
    interrupt("users", "export"),
  ]);
  for (const one of ended) expect(one).toMatchObject({ code: 130, output: waiting, stdout: "" });
});
