import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkFolder } from "../../src/migrator/commands/check.ts";

const root = "00000000-0000-0000-0000-000000000000";
const idOf = (index: number) => `${index + 1}`.repeat(8) + root.slice(8);

interface Kept {
  readonly id: string;
  readonly prevId: string;
  readonly version?: string;
}

/** Creates a drizzle-kit project with three migrations and their snapshots. */
function project(change: (snapshots: Map<string, Kept | string>) => void) {
  const cwd = mkdtempSync(join(tmpdir(), "aeturnis-project-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const folder = join(cwd, "drizzle");
  mkdirSync(join(folder, "meta"), { recursive: true });
  const tags = ["0000_a", "0001_b", "0002_c"];
  const entries = tags.map((tag, idx) => ({ idx, version: "7", when: idx + 1, tag, breakpoints: true }));
  writeFileSync(join(folder, "meta/_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
  for (const tag of tags) {
    writeFileSync(join(folder, `${tag}.sql`), "select 1;");
    writeFileSync(join(folder, `${tag}.down.sql`), "select 1;");
  }
  const snapshots = new Map<string, Kept | string>(
    tags.map((_, index) => [
      `000${index}_snapshot.json`,
      { id: idOf(index), prevId: index === 0 ? root : idOf(index - 1) },
    ]),
  );
  change(snapshots);
  const empty = { version: "7", dialect: "postgresql", tables: {}, enums: {}, schemas: {} };
  for (const [name, snapshot] of snapshots) {
    const complete = { ...empty, _meta: { columns: {}, schemas: {}, tables: {} }, ...(snapshot as Kept) };
    writeFileSync(join(folder, "meta", name), typeof snapshot === "string" ? snapshot : JSON.stringify(complete));
  }
  return { cwd, folder };
}

/** Whether drizzle-kit generates the next migration under number 3. */
function canGenerate(cwd: string): boolean {
  symlinkSync(join(process.cwd(), "node_modules"), join(cwd, "node_modules"));
  writeFileSync(
    join(cwd, "schema.ts"),
    'import * as p from "drizzle-orm/pg-core";\nexport const a = p.pgTable("a", { id: p.integer() });',
  );
  const config = { dialect: "postgresql", schema: "./schema.ts", out: "./drizzle" };
  writeFileSync(join(cwd, "drizzle.config.json"), JSON.stringify(config));
  const args = [
    join(process.cwd(), "node_modules/drizzle-kit/bin.cjs"),
    "generate",
    "--config=drizzle.config.json",
    "--name=d",
  ];
  execFileSync(process.execPath, args, { cwd, stdio: "pipe" });
  return readdirSync(join(cwd, "drizzle")).includes("0003_d.sql");
}

it.each<[string, (snapshots: Map<string, Kept | string>) => void, RegExp]>([
  [
    "two snapshots with one parent",
    (all) => all.set("0002_snapshot.json", { id: idOf(2), prevId: idOf(0) }),
    /0001_snapshot\.json and 0002_snapshot\.json have the same parent \("prevId"\)/,
  ],
  [
    "an unedited copy of a snapshot",
    (all) => all.set("0002_snapshot.json", { id: idOf(1), prevId: idOf(0) }),
    /0001_snapshot\.json and 0002_snapshot\.json have the same parent/,
  ],
  [
    "a snapshot that is not JSON",
    (all) => all.set("0001_snapshot.json", "<<<<<<< HEAD"),
    /0001_snapshot\.json is not JSON/,
  ],
  [
    "a byte order mark",
    (all) => all.set("0001_snapshot.json", "\ufeff{}"),
    /0001_snapshot\.json:1:1: a byte order mark/,
  ],
  [
    "JSON that is not a snapshot",
    (all) => all.set("0001_snapshot.json", "{}"),
    /0001_snapshot\.json is not a snapshot/,
  ],
  [
    "a snapshot of another version",
    (all) => all.set("0002_snapshot.json", { id: idOf(2), prevId: idOf(1), version: "8" }),
    /0002_snapshot\.json is not a snapshot in drizzle-kit's format/,
  ],
  ["another file among the snapshots", (all) => all.set("notes.txt", "hello"), /notes\.txt is not JSON/],
])("checkFolder finds %s, which stops drizzle-kit", async (name, change, expected) => {
  const { cwd, folder } = project(change);
  expect(await checkFolder(folder)).toContainEqual(expect.stringMatching(expected));
  // All were tried with drizzle-kit. The test runs only two, because each process takes a second.
  if (/one parent|snapshot that is not JSON/.test(name)) expect(canGenerate(cwd)).toBe(false);
});

it.each<[string, (snapshots: Map<string, Kept | string>) => void, RegExp]>([
  [
    "a missing newest snapshot",
    (all) => all.delete("0002_snapshot.json"),
    /0002_snapshot\.json, the snapshot of 0002_c, does not exist: drizzle-kit would base the next migration on an older one.*copy the previous snapshot/,
  ],
  [
    "a missing snapshot in the middle",
    (all) => all.delete("0001_snapshot.json"),
    /0001_snapshot\.json, the snapshot of 0001_b, does not exist: the snapshots' history has a gap/,
  ],
  [
    "a snapshot without a migration",
    (all) => all.set("0009_snapshot.json", { id: idOf(8), prevId: idOf(2) }),
    /0009_snapshot\.json belongs to no migration of the journal/,
  ],
  [
    "two snapshots with one id",
    (all) => all.set("0002_snapshot.json", { id: idOf(1), prevId: idOf(1) }),
    /0001_snapshot\.json and 0002_snapshot\.json have the same "id"/,
  ],
])("checkFolder finds %s, after which drizzle-kit would generate a wrong migration", async (_, change, expected) => {
  expect(await checkFolder(project(change).folder)).toEqual([expect.stringMatching(expected)]);
});

it("checkFolder accepts consistent snapshots, as drizzle-kit does, and a folder without snapshots", async () => {
  const { cwd, folder } = project(() => {});
  expect(await checkFolder(folder)).toEqual([]);
  expect(canGenerate(cwd)).toBe(true);
  expect(await checkFolder(project((all) => all.clear()).folder)).toEqual([]);
});
