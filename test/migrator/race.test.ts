import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { readJournal } from "../../src/migrator/journal/folder.ts";
import type { MigrateEvent } from "../../src/migrator/options.ts";
import { createDatabase } from "../support/database.ts";
import { catalog, drizzleKit, emptyDatabase, migrationsOf } from "../support/migrations.ts";

const tables = [
  { tag: "0000_counts", up: "create table counts (n int);" },
  // This statement succeeds when it runs twice, so that the test detects a repetition.
  { tag: "0001_first", up: "insert into counts values (1);" },
  { tag: "0002_second", up: "insert into counts values (2);" },
];

describe("concurrent migrators", () => {
  it("eight migrators and eight drizzle-kit processes on one empty database apply each migration once", async () => {
    const { url, sql } = await emptyDatabase();
    const expected = await createDatabase({ grants: false });
    const ours = () =>
      promisify(execFile)(process.execPath, ["dist/bin/aeturnis-data.js", "migrate", "up"], {
        env: { DATABASE_URL: url },
      });
    const runs = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? ours() : drizzleKit(url, "migrate")));
    const ended = await Promise.allSettled(runs);

    expect(ended.filter((_, index) => index % 2 === 0).map(({ status }) => status)).toEqual(Array(8).fill("fulfilled"));
    const records = await sql`select created_at::float8 as when, hash from drizzle.__drizzle_migrations order by id`;
    expect(records.map((record) => record["when"])).toEqual(readJournal().map(({ when }) => when));
    expect(await catalog(sql)).toEqual(await catalog(expected.sql));
    await expected.drop();
  });

  it("of four concurrent drizzle-kit processes, one applies the migrations, and the others roll back or find nothing to do", async () => {
    const { url, sql, target } = await emptyDatabase();
    const ended = await Promise.allSettled(Array.from({ length: 4 }, () => drizzleKit(url, "migrate")));
    expect(ended.some(({ status }) => status === "fulfilled")).toBe(true);
    expect(await sql`select count(*)::int as records from drizzle.__drizzle_migrations`).toEqual([
      { records: readJournal().length },
    ]);
    expect(await status({ target })).toMatchObject({ verdict: "current" });
  });

  it("of eight concurrent migrators on a plain folder, one applies each migration, and the others report `applied elsewhere`", async () => {
    const { target, sql } = await emptyDatabase();
    const { folder } = migrationsOf(...tables);
    const reports = await Promise.all(Array.from({ length: 8 }, () => up({ target, folder })));
    expect(reports.filter(({ error }) => error !== undefined)).toEqual([]);
    for (const { tag } of tables) {
      const outcomes = reports.flatMap(({ results }) =>
        results.filter((result) => result.tag === tag).map(({ outcome }) => outcome),
      );
      expect(outcomes.filter((outcome) => outcome === "applied")).toHaveLength(1);
      expect(outcomes.every((outcome) => outcome === "applied" || outcome === "applied elsewhere")).toBe(true);
    }
    expect(await sql`select n from counts order by n`).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it("drizzle-kit cannot apply a migration again that the migrator applied during its transaction", async () => {
    const { target, sql } = await emptyDatabase();
    const { folder } = migrationsOf(...tables);
    await up({ target, folder, to: "0000_counts" });
    // drizzle-kit reads the applied migrations, and then runs the others in one transaction.
    const kit = await sql.reserve();
    await kit`begin`;
    await kit.unsafe(tables[1]?.up ?? "");
    const ours = await up({ target, folder });
    expect(ours.error).toBeUndefined();
    const record = kit`insert into drizzle.__drizzle_migrations (hash, created_at)
      select hash, created_at from drizzle.__drizzle_migrations order by id desc limit 1`;
    await expect(record).rejects.toMatchObject({ code: "23505" });
    await kit`rollback`;
    kit.release();
    expect(await sql`select n from counts order by n`).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it("the migrator detects that drizzle-kit has applied migrations, and continues with the next one", async () => {
    const { target, sql } = await emptyDatabase();
    const { folder } = migrationsOf(...tables, { tag: "0003_third", up: "insert into counts values (3);" });
    await up({ target, folder, to: "0000_counts" });
    const events: MigrateEvent[] = [];
    let onWaiting = () => {};
    const waiting = new Promise<void>((resolve) => (onWaiting = resolve));
    let ours: ReturnType<typeof up> | undefined;
    await sql.begin(async (kit) => {
      await kit`lock table counts in access exclusive mode`;
      ours = up({
        target,
        folder,
        lockTimeout: 20_000,
        onEvent: (event) => events.push(event) > 0 && event.type === "waiting" && onWaiting(),
      });
      await waiting;
      for (const { up: text } of tables.slice(1)) await kit.unsafe(text);
      const { readMigrations } = await import("../../src/migrator/journal/folder.ts");
      for (const { hash, when } of readMigrations(folder).slice(1, 3))
        await kit`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${when})`;
    });
    expect((await ours)?.results.map(({ outcome }) => outcome)).toEqual([
      "applied elsewhere",
      "applied elsewhere",
      "applied",
    ]);
    expect((await ours)?.error).toBeUndefined();
    expect(await sql`select n from counts order by n`).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });
});
