import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { checkFolder } from "../../src/migrator/commands/check.ts";
import { down } from "../../src/migrator/commands/down.ts";
import { generate } from "../../src/migrator/commands/generate.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { verify } from "../../src/migrator/commands/verify.ts";
import { drizzleKit, emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { command } from "../support/process.ts";

const a = { tag: "0000_a", up: "create table a (id int);", down: "drop table a;" };
const b = { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" };

describe("checkFolder", () => {
  it("checkFolder finds no fault in the migrations of this project", async () => {
    expect(await checkFolder()).toEqual([]);
  });

  it.each([
    [
      "times that do not increase",
      [a, { ...b, when: Date.UTC(2025, 0, 1) }],
      /0001_b is not later than 0000_a in the journal \("when"\): drizzle-kit would skip it/,
    ],
    [
      "an order that differs from that of the names",
      [b, { ...a, when: Date.UTC(2027, 0, 1) }],
      /0000_a stands behind 0001_b in the journal, and before it by its name/,
    ],
    ["a missing down migration", [{ tag: "0000_a", up: a.up }], /0000_a has no way back: write 0000_a\.down\.sql/],
    ["an empty down migration", [{ ...a, down: "-- todo\n" }], /0000_a\.down\.sql is empty/],
    [
      "BEGIN and COMMIT",
      [{ ...a, up: "begin;\ncreate table a (id int);\ncommit;" }],
      /0000_a\.sql:1:1: begin\nA migration runs in a transaction of its own/,
    ],
    [
      "a syntax error",
      [{ ...a, down: "select 'ä';\ndrop tabel a;" }],
      /0000_a\.down\.sql:2:6: syntax error at or near "tabel"$/,
    ],
    [
      "a directive that is not on the first line",
      [{ ...a, up: `-- An index.\n-- migrate: no-transaction\n${a.up}` }],
      /0000_a\.sql:2: "-- migrate: no-transaction" must be the first line of the file$/,
    ],
  ])("checkFolder finds %s", async (_, migrations, fault) => {
    expect(await checkFolder(migrationsOf(...migrations).folder)).toEqual([expect.stringMatching(fault)]);
  });

  it("checkFolder finds files without a journal entry, and entries without a file", async () => {
    const { folder } = migrationsOf(a, b);
    writeFileSync(join(folder, "0002_stray.sql"), "select 1;");
    expect(await checkFolder(folder)).toEqual([
      expect.stringMatching(/0002_stray\.sql belongs to no migration of the journal/),
    ]);
    rmSync(join(folder, "0001_b.sql"));
    expect(await checkFolder(folder)).toEqual(["0001_b.sql does not exist, but the journal names it"]);
  });

  it("checkFolder finds two entries with the same number, and reports every fault at once", async () => {
    const { folder } = migrationsOf({ ...a, up: "nonsense;" }, { ...b, down: "nonsense;" });
    const journal = join(folder, "meta/_journal.json");
    writeFileSync(journal, readFileSync(journal, "utf8").replace('"idx":1', '"idx":0'));
    expect(await checkFolder(folder)).toEqual([
      '0000_a and 0001_b have the same "idx" in the journal: 0',
      expect.stringMatching(/0000_a\.sql:1:1: syntax error/),
      expect.stringMatching(/0001_b\.down\.sql:1:1: syntax error/),
    ]);
  });
});

/** Creates a project with a schema file and a configuration of drizzle-kit. */
function project(schema: string) {
  const cwd = mkdtempSync(join(tmpdir(), "aeturnis-project-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  symlinkSync(join(process.cwd(), "node_modules"), join(cwd, "node_modules"));
  mkdirSync(join(cwd, "drizzle"));
  const write = (text: string) =>
    writeFileSync(join(cwd, "schema.ts"), `import * as p from "drizzle-orm/pg-core";\n${text}`);
  write(schema);
  const credentials = "dbCredentials: { url: process.env.DATABASE_URL ?? '' }";
  writeFileSync(
    join(cwd, "drizzle.config.ts"),
    `export default { dialect: "postgresql", schema: "./schema.ts", out: "./drizzle", ${credentials} };`,
  );
  return { cwd, folder: join(cwd, "drizzle"), write };
}

describe("generate", () => {
  it("generate adds a lock timeout to drizzle-kit's migration, and writes a skeleton of the down migration", async () => {
    const { cwd, folder, write } = project('export const a = p.pgTable("a", { id: p.integer().primaryKey() });');
    const made = await generate({ name: "first", cwd, folder });
    expect(made.tag).toBe("0000_first");
    expect(readFileSync(join(folder, "0000_first.sql"), "utf8")).toMatch(
      /set local lock_timeout = '2s';\n--> statement-breakpoint\n\n.*\nset local search_path = public;\n--> statement-breakpoint\n\nCREATE TABLE "a"/,
    );
    expect(readFileSync(join(folder, "0000_first.down.sql"), "utf8")).toMatch(
      /^-- Undoes 0000_first\. Write the statements that undo these, in this order:\n-- {3}CREATE TABLE "a" \(\n/,
    );
    expect(await checkFolder(folder)).toEqual([expect.stringMatching(/0000_first\.down\.sql is empty/)]);
    expect(await generate({ name: "nothing", cwd, folder })).toEqual({ tag: undefined, files: [] });
    expect((await generate({ name: "by_hand", custom: true, cwd, folder })).tag).toBe("0001_by_hand");
    write("");
    await expect(generate({ name: "Bad Name", cwd, folder })).rejects.toThrow(/must be lower-case letters/);
  });

  it("generate adds the no-transaction directive to a migration that builds an index concurrently", async () => {
    const { cwd, folder } = project(
      'export const a = p.pgTable("a", { id: p.integer() }, (t) => [p.index("a_id").on(t.id).concurrently()]);',
    );
    await generate({ name: "first", cwd, folder });
    expect(readFileSync(join(folder, "0000_first.sql"), "utf8")).toMatch(
      /^-- migrate: no-transaction\nCREATE TABLE "a"/,
    );
    const { target } = await emptyDatabase();
    expect((await up({ target, folder })).error).toBeUndefined();
  });

  it("generate fails when drizzle-kit has a question and there is no terminal", async () => {
    const { cwd, folder, write } = project(
      'export const a = p.pgTable("a", { id: p.integer().primaryKey(), old: p.text() });',
    );
    await generate({ name: "first", cwd, folder });
    write('export const a = p.pgTable("a", { id: p.integer().primaryKey(), young: p.text() });');
    await expect(generate({ name: "renamed", cwd, folder })).rejects.toThrow(
      /drizzle-kit generated no migration in .*Run the command on a terminal if drizzle-kit has a question/s,
    );
  });
});

describe("generate with drizzle-kit's configuration", () => {
  const schema = 'export const a = p.pgTable("a", { id: p.integer().primaryKey() });';

  it("migrate new on a terminal reports that the schema has not changed", async () => {
    const { cwd, folder } = project(schema);
    await generate({ name: "first", cwd, folder });
    const again = command(["migrate", "new", "again", "--folder", "drizzle"], {}, { cwd, terminal: true });
    expect(await again.ended).toMatchObject({
      code: 0,
      output: expect.stringContaining("No migration was generated: the schema has not changed."),
    });
  });

  it("generate writes nothing when the configuration names another folder", async () => {
    const { cwd, folder } = project(schema);
    await expect(generate({ name: "first", cwd, folder: join(cwd, "zz") })).rejects.toThrow(
      /No migration was generated: drizzle-kit's configuration here writes into \.\/drizzle, not into .*zz/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("folders of other projects", () => {
  it("a folder that drizzle-kit generated can be applied by drizzle-kit and the migrator in turn", async () => {
    const { cwd, folder, write } = project(
      'export const a = p.pgTable("a", { id: p.serial().primaryKey(), name: p.text().notNull() });',
    );
    const kit = (command: string, url = "") =>
      execFileSync("node_modules/.bin/drizzle-kit", command.split(" "), {
        cwd,
        env: { ...process.env, DATABASE_URL: url },
      });
    kit("generate --name one");
    const more =
      'export const mood = p.pgEnum("mood", ["happy", "sad"]);\nexport const b = p.pgTable("b", { id: p.uuid().defaultRandom().primaryKey(), a: p.integer().references(() => a.id), mood: mood().default("sad").notNull() }, (t) => [p.index("b_a").on(t.a)]);';
    const first = 'export const a = p.pgTable("a", { id: p.serial().primaryKey(), name: p.text().notNull() });';
    write(`${first}\n${more}`);
    kit("generate --name two");
    write(`${first.replace("notNull() }", "notNull(), at: p.timestamp().defaultNow() }")}\n${more}`);
    kit("generate --name three");

    const { url, target } = await emptyDatabase();
    kit("migrate", url);
    expect((await status({ target, folder })).verdict).toBe("current");
    const other = await emptyDatabase();
    await up({ target: other.target, folder, to: "0000_one" });
    kit("migrate", other.url);
    expect(await status({ target: other.target, folder })).toMatchObject({
      verdict: "current",
      migrations: [{}, { duration: expect.any(Number) }, { appliedAt: expect.any(Date) }],
    });
    writeFileSync(join(folder, "0002_three.down.sql"), 'alter table "a" drop column "at";');
    await down({ target: other.target, folder, confirm: () => true });
    kit("migrate", other.url);
    expect((await status({ target: other.target, folder })).verdict).toBe("current");
  });

  it("two hundred migrations are applied, checked, verified and undone", async () => {
    const many = Array.from({ length: 200 }, (_, index) => {
      const tag = `${String(index).padStart(4, "0")}_t`;
      const name = `t${index}`;
      if (index % 4 === 3)
        return {
          tag,
          up: `alter table t${index - 1} add column more text default 'x';\n--> statement-breakpoint\ncreate index on t${index - 1} (more);`,
          down: `alter table t${index - 1} drop column more;`,
        };
      return { tag, up: `create table ${name} (id int primary key, note text);`, down: `drop table ${name};` };
    });
    const { folder } = migrationsOf(...many);
    const { url, target } = await emptyDatabase();
    expect(await checkFolder(folder)).toEqual([]);
    expect((await up({ target, folder })).results.filter(({ outcome }) => outcome === "applied")).toHaveLength(200);
    expect((await status({ target, folder })).verdict).toBe("current");
    expect((await down({ target, folder, to: "0099_t" })).results).toHaveLength(100);
    const proofs = await verify({ server: { url: inject("serverUrl") }, folder, steps: 10 });
    expect(proofs.map(({ outcome }) => outcome)).toEqual(Array(10).fill("verified"));
    expect(readdirSync(folder)).toHaveLength(401);
    await expect(drizzleKit(url, "check")).resolves.toBeDefined();
  });
});
