import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { migrationsFolder, readJournal } from "../../src/migrations/journal.ts";
import { catalog } from "../support/catalog.ts";
import { createDatabase } from "../support/database.ts";

const statements = (file: string) => readFileSync(join(migrationsFolder, file), "utf8").split("--> statement-breakpoint");

async function emptyDatabase() {
  const database = await createDatabase({ empty: true });
  onTestFinished(database.drop);
  return database;
}

/** drizzle-kit itself, with nothing but DATABASE_URL set. */
async function drizzleKit(url: string, ...args: string[]) {
  const { PATH, HOME } = process.env;
  return promisify(execFile)("node_modules/.bin/drizzle-kit", args, { env: { PATH, HOME, DATABASE_URL: url } });
}

it("four migrations stand in order under their names, each with its way back", () => {
  const tags = readJournal().map(({ tag }) => tag);
  expect(tags).toEqual(["0000_create_users", "0001_create_user_security", "0002_create_audit_log", "0003_create_sessions"]);
  const files = readdirSync(migrationsFolder).filter((file) => file.endsWith(".sql"));
  expect(files.sort()).toEqual(tags.flatMap((tag) => [`${tag}.down.sql`, `${tag}.sql`]).sort());
});

describe.each(readJournal().map(({ tag }, index) => [tag, index] as const))("%s", (tag, index) => {
  it("is undone by its down, and can be applied again to the same effect", async () => {
    const { sql } = await emptyDatabase();
    const run = (file: string) => sql.begin(async (tx) => {
      for (const statement of statements(file)) await tx.unsafe(statement);
    });
    for (const before of readJournal().slice(0, index)) await run(`${before.tag}.sql`);

    const before = await catalog(sql);
    await run(`${tag}.sql`);
    const after = await catalog(sql);
    expect(after).not.toEqual(before);
    await run(`${tag}.down.sql`);
    expect(await catalog(sql)).toEqual(before);
    await run(`${tag}.sql`);
    expect(await catalog(sql)).toEqual(after);
  });
});

it("0001_create_user_security gives the users who were there before it their row", async () => {
  const { sql } = await emptyDatabase();
  for (const statement of statements("0000_create_users.sql")) await sql.unsafe(statement);
  await sql`insert into users (email, username, password_hash) values ('old@example.com', 'old', '$bcrypt$x')`;
  for (const statement of statements("0001_create_user_security.sql")) await sql.unsafe(statement);
  expect(await sql`select login_attempts from user_security`).toEqual([{ login_attempts: 0 }]);
});

describe("drizzle-kit", () => {
  it("migrate builds the whole database on an empty one, as the service itself would", async () => {
    const [byKit, byService] = [await emptyDatabase(), await createDatabase()];
    onTestFinished(byService.drop);
    await drizzleKit(byKit.url, "migrate");
    expect(await catalog(byKit.sql)).toEqual(await catalog(byService.sql));
  });

  it("generate sees no changes, and check is content", async () => {
    const before = readdirSync(migrationsFolder);
    expect((await drizzleKit("", "generate")).stdout).toContain("No schema changes");
    expect(readdirSync(migrationsFolder)).toEqual(before);
    expect((await drizzleKit("", "check")).stdout).toContain("Everything's fine");
  });

  it("push is refused, with the reason and the way that works", async () => {
    const { sql, url } = await emptyDatabase();
    await expect(drizzleKit(url, "push", "--force")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not see partitioned tables[^]*drizzle-kit generate/),
    });
    expect(await sql`select 1 from pg_tables where schemaname = 'public'`).toHaveLength(0);
  });
});
