import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { expect, it, onTestFinished } from "vitest";
import { createAccessTokens } from "../../src/identity/access-tokens.ts";
import { createDatabase, withLogin } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { command, dataFolder, serve } from "../support/process.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, secret } from "../support/service.ts";

it("role grant creates a login, says what to do next, and its statements run in psql", async () => {
  const database = await createDatabase({ grants: false });
  const { sql, directUrl } = database;
  const role = `role_${randomUUID().slice(0, 8)}`;
  onTestFinished(async () => {
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    await database.drop();
  });
  const grant = (...args: string[]) => command(["role", "grant", ...args], { DATABASE_URL: directUrl }).ended;

  expect(await grant(role)).toMatchObject({ code: 1, output: `There is no role ${role}: --create creates it.\n` });
  const dry = await grant(role, "--create", "--login", "--dry-run");
  expect([dry.code, dry.stdout]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^begin;\ncreate role ${role} login;\n[^]*commit;\n$`)),
  ]);
  const psql = await sql.reserve();
  await psql.unsafe(`${dry.stdout} drop owned by ${role}; drop role ${role}`);
  psql.release();

  const created = await grant(role, "--create", "--login");
  expect([created.code, created.stdout]).toEqual([
    0,
    `Created the role ${role}, which has the privileges of the service now.\n` +
      `It has no password yet: set one with psql (\\password ${role}), and put both into DATABASE_URL.\n`,
  ]);
  expect(created.output).toMatch(/may create temporary tables: revoke temporary on database \w+ from public;/);

  await sql.unsafe(`alter role ${role} password 'secret'; grant delete on audit_log to ${role}`);
  const url = withLogin(directUrl, { user: role, password: "secret" });
  expect(await command(["audit", "status"], { DATABASE_URL: url }).ended).toMatchObject({ code: 0 });
  expect(await grant(role)).toMatchObject({
    code: 0,
    stdout:
      `Found the role ${role}, which has the privileges of the service now.\n` +
      `Taken away:\n  revoke DELETE on table public.audit_log from ${role};\n`,
  });
});

it("role grant refuses a name that PostgreSQL would cut off", async () => {
  expect(await command(["role", "grant", "x".repeat(64)]).ended).toMatchObject({
    code: 2,
    output: "The name of the role must have 1 to 63 bytes.\n",
  });
});

it("serve without DATABASE_URL creates its role, assumes it, and grants it anew at each start", async () => {
  const folder = dataFolder();
  const env = { DATA_DIR: folder, JWT_SECRET: secret };
  const create = async (url: string) =>
    clientOf(url, await createAccessTokens([secret]).signService("test", 60)).users.create.mutate(newUser());
  const first = await serve(env);
  await create(first.url);
  const sql = postgres(readFileSync(join(folder, "url"), "utf8").trim(), { max: 1 });
  const [row] = await sql`
    select has_table_privilege('aeturnis_service', 'audit_log', 'delete') as deletes,
      has_database_privilege('aeturnis_service', current_database(), 'temporary') as temporary`;
  expect(row).toEqual({ deletes: false, temporary: false });
  await sql`revoke insert on users from aeturnis_service`;
  expect(await refusal(create(first.url))).toMatchObject({ code: "INTERNAL_SERVER_ERROR" });
  await sql.end();
  await first.stop();

  const second = await serve(env);
  expect(await create(second.url)).toHaveProperty("id");
  await second.stop();
});
