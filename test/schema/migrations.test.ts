import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { getTableConfig } from "drizzle-orm/pg-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { down } from "../../src/migrator/commands/down.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { migrationsFolder, readJournal } from "../../src/migrator/journal/folder.ts";
import {
  auditCheckpoints,
  auditLeaves,
  auditLog,
  auditSequencer,
  auditTree,
  challenges,
  rateLimits,
  userDevices,
  userSecurity,
  userSessions,
  users,
} from "../../src/schema/index.ts";
import { createDatabase } from "../support/database.ts";
import { catalog, drizzleKit, emptyDatabase } from "../support/migrations.ts";

it("the migrations are in order, and each has its down migration", () => {
  const tags = readJournal().map(({ tag }) => tag);
  expect(tags).toEqual([
    "0000_create_users",
    "0001_create_user_security",
    "0002_create_audit_log",
    "0003_create_sessions",
    "0004_record_changes",
    "0005_extend_sessions",
    "0006_count_attempts",
    "0007_add_second_factors",
    "0008_challenge_sign_ins",
    "0009_order_audit_log",
    "0010_sign_audit_log",
  ]);
  const files = readdirSync(migrationsFolder).filter((file) => file.endsWith(".sql"));
  expect(files.sort()).toEqual(tags.flatMap((tag) => [`${tag}.down.sql`, `${tag}.sql`]).sort());
});

describe.each(readJournal().map(({ tag }) => tag))("%s", (tag) => {
  it("each migration is undone by its down migration, and has the same effect when applied again", async () => {
    const { sql, target } = await emptyDatabase();
    await up({ target, to: tag });
    await down({ target });
    const before = await catalog(sql);
    await up({ target, to: tag });
    const after = await catalog(sql);
    expect(after).not.toEqual(before);
    await down({ target });
    expect(await catalog(sql)).toEqual(before);
    await up({ target, to: tag });
    expect(await catalog(sql)).toEqual(after);
  });
});

it("0001_create_user_security inserts a row for each existing user", async () => {
  const { sql, target } = await emptyDatabase();
  await up({ target, to: "0000_create_users" });
  await sql`insert into users (email, username, password_hash) values ('old@example.com', 'old', '$bcrypt$x')`;
  await up({ target, to: "0001_create_user_security" });
  expect(await sql`select login_attempts from user_security`).toEqual([{ login_attempts: 0 }]);
});

describe("drizzle-kit", () => {
  it("drizzle-kit migrate builds the same database from an empty one as the service does", async () => {
    const [byKit, byService] = [await emptyDatabase(), await createDatabase({ grants: false })];
    onTestFinished(byService.drop);
    await drizzleKit(byKit.url, "migrate");
    expect(await catalog(byKit.sql)).toEqual(await catalog(byService.sql));
  });

  it("drizzle-kit generate finds no changes, and drizzle-kit check no faults", async () => {
    const before = readdirSync(migrationsFolder);
    expect((await drizzleKit("", "generate")).stdout).toContain("No schema changes");
    expect(readdirSync(migrationsFolder)).toEqual(before);
    expect((await drizzleKit("", "check")).stdout).toContain("Everything's fine");
  });

  // drizzle-kit fails to alter a table whose schema differs ("Expected string, received object"), but not to create one.
  it("the newest snapshot names the schema of each table as Drizzle does", () => {
    const newest = readJournal().at(-1)?.tag.slice(0, 4);
    const { tables } = JSON.parse(readFileSync(`${migrationsFolder}/meta/${newest}_snapshot.json`, "utf8"));
    const inSnapshot = Object.values<{ name: string; schema: string }>(tables).map(({ name, schema }) => [
      name,
      schema,
    ]);
    const inDrizzle = [
      auditLeaves,
      auditLog,
      auditSequencer,
      auditTree,
      auditCheckpoints,
      challenges,
      rateLimits,
      userDevices,
      userSecurity,
      userSessions,
      users,
    ].map((table) => {
      const { name, schema } = getTableConfig(table);
      return [name, schema];
    });
    expect(inSnapshot.sort()).toEqual(inDrizzle.sort());
  });

  it("drizzle-kit migrate connects as the service does: with TLS as DATABASE_SSL requires, or it fails", async () => {
    const { url, sql } = await emptyDatabase();
    // The certificate of the test server is not trusted.
    await expect(drizzleKit(url, "migrate", { DATABASE_SSL: "verify-full" })).rejects.toMatchObject({ code: 1 });
    expect(await catalog(sql)).not.toContainEqual(expect.stringContaining("users"));
  });

  it("drizzle-kit push is refused, with the reason and the remedy", async () => {
    const { sql, url } = await emptyDatabase();
    await expect(drizzleKit(url, "push")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not see partitioned tables[\s\S]*aeturnis-data migrate new/),
    });
    expect(await sql`select 1 from pg_tables where schemaname = 'public'`).toHaveLength(0);
  });
});

it("drizzle-kit studio starts on loopback, and its API answers with the tables of the service", async () => {
  const { url } = await createDatabase();
  const port = await freePort();
  const { PATH, HOME } = process.env;
  const studio = spawn("node_modules/.bin/drizzle-kit", ["studio", "--port", String(port)], {
    env: { PATH, HOME, DATABASE_URL: url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void studio.kill());
  for await (const line of studio.stdout) if (String(line).includes("up and running")) break;

  const ask = async (body: object) =>
    (
      await fetch(`http://127.0.0.1:${port}/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    ).json();
  const { schemaFiles } = (await ask({ type: "init" })) as { schemaFiles: { name: string; content: string }[] };
  const tables = schemaFiles.flatMap(({ content }) =>
    [...content.matchAll(/pgTable\(\s*"(\w+)"/g)].map((match) => match[1]),
  );
  expect(tables.sort()).toEqual([
    "audit_checkpoints",
    "audit_leaves",
    "audit_log",
    "audit_sequencer",
    "audit_tree",
    "challenges",
    "rate_limits",
    "user_devices",
    "user_security",
    "user_sessions",
    "users",
  ]);
  for (const table of tables) {
    const sql = `select count(*)::int as count from ${table}`;
    expect(await ask({ type: "proxy", data: { sql, params: [], method: "values" } })).toBeDefined();
  }
  // Studio runs any SQL of any client that can connect.
  await expect(fetch(`http://${ownAddress()}:${port}/`)).rejects.toThrow();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** An address of this machine that is not loopback, or, where there is none, another loopback one. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.2";
}
