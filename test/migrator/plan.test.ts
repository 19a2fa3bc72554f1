import { describe, expect, it } from "vitest";
import { plan } from "../../src/migrator/commands/plan.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { withLogin } from "../support/database.ts";
import { emptyDatabase, migrationsOf, type TestMigration } from "../support/migrations.ts";

const players = {
  tag: "0000_players",
  up: "create table players (id int primary key, name text, email text);\ncreate table guilds (id int primary key);",
};

/** Plans one migration on a table with `rows` rows. */
async function planned(migration: Omit<TestMigration, "tag">, rows = 20_000) {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf(players, { tag: "0001_next", ...migration });
  await up({ target, folder, to: players.tag });
  await sql`insert into players select n, 'name', 'mail' from generate_series(1, ${rows}) as n`;
  await sql`analyze players`;
  const found = await plan({ target, folder });
  expect((await status({ target, folder })).migrations.map(({ state }) => state)).toEqual(["applied", "pending"]);
  return { ...found, next: found.migrations[0] };
}

describe("plan", () => {
  it("plan returns the statements of up with their locks and the sizes of the tables, and changes nothing", async () => {
    const { next, error } = await planned({
      up: "-- a comment\nalter table players add column country text;\n--> statement-breakpoint\ncomment on table guilds is 'x';",
    });
    expect(error).toBeUndefined();
    expect(next).toMatchObject({
      tag: "0001_next",
      transaction: true,
      statements: [
        {
          text: "alter table players add column country text",
          line: 2,
          locks: [
            {
              table: "players",
              mode: "AccessExclusiveLock",
              rows: 20_000,
              bytes: expect.any(Number),
              effect: "reads and writes are blocked",
            },
          ],
          rewrites: [],
          scans: [],
        },
        { line: 4, locks: [{ table: "guilds", mode: "ShareUpdateExclusiveLock", rows: 0 }] },
      ],
      warnings: [],
    });
  });

  it.each([
    [
      "an index build that blocks writes",
      "create index on players (name);",
      /players \(20,000 rows\) is scanned; meanwhile writes are blocked; reads continue\. Build the index concurrently/,
    ],
    [
      "a rewrite",
      "alter table players add column at timestamptz default clock_timestamp();",
      /players \(20,000 rows\) is rewritten; meanwhile reads and writes are blocked\. Add a new column, fill it in batches/,
    ],
    [
      "a CHECK that scans the table",
      "alter table players add constraint positive check (id > 0);",
      /is scanned; meanwhile reads and writes are blocked\. Add the constraint as not valid/,
    ],
    [
      "a dropped column",
      "alter table players drop column email;",
      /column players\.email is dropped with the data of 20,000 rows/,
    ],
    ["a dropped table", "drop table players;", /table players is dropped with the data of 20,000 rows/],
    ["a truncated table", "truncate players;", /players \(20,000 rows\) is truncated/],
    [
      "an update of all rows in one transaction",
      "update players set name = 'x';",
      /players \(20,000 rows\) may have all its rows changed \(update\) in one transaction/,
    ],
    [
      "a lock that is held during a scan of another table",
      "alter table guilds add column a int;\nalter table players add constraint positive check (id > 0);",
      /guilds stays locked while players \(20,000 rows\) is scanned/,
    ],
    ["deleted rows", "delete from players where id = 1;", /players \(20,000 rows\) may lose rows \(delete\)/],
    [
      "rows that MERGE deletes",
      "merge into players using guilds on players.id = guilds.id when matched then delete;",
      /players \(20,000 rows\) may lose rows \(delete\)/,
    ],
    [
      "a materialized view of a table that an earlier statement has locked",
      "alter table players add column a int;\ncreate materialized view m as select * from players;",
      /players \(20,000 rows\) is scanned; meanwhile reads and writes are blocked\. Split the statements into two/,
    ],
  ])("warns of %s", async (_, text, warning) => {
    const { next } = await planned({ up: text });
    expect(next?.warnings).toContainEqual(expect.stringMatching(warning));
  });

  it("plan does not warn of a small table or of a concurrent index build", async () => {
    expect((await planned({ up: "create index on players (name);" }, 10)).next?.warnings).toEqual([]);
    const { next } = await planned({
      up: "-- migrate: no-transaction\ncreate index concurrently i on players (name);",
    });
    expect(next).toMatchObject({ transaction: false, warnings: [], statements: [{ outsideTransaction: true }] });
  });

  it("warns of a single row that may be deleted", async () => {
    const { next } = await planned({ up: "delete from players;" }, 1);
    expect(next?.warnings).toEqual(["players (1 rows) may lose rows (delete)."]);
  });

  it("warns of a refresh of a materialized view, except of a concurrent one", async () => {
    const { sql, target } = await emptyDatabase();
    const made = {
      ...players,
      up: `${players.up} create materialized view m as select * from players; create unique index on m (id);`,
    };
    const { folder } = migrationsOf(
      made,
      { tag: "0001_refresh", up: "refresh materialized view m;" },
      { tag: "0002_concurrently", up: "refresh materialized view concurrently m;" },
    );
    await up({ target, folder, to: made.tag });
    await sql`insert into players select n, 'name', 'mail' from generate_series(1, 20000) as n`;
    await sql.unsafe("refresh materialized view m; analyze players; analyze m");
    const { migrations } = await plan({ target, folder });
    expect(migrations.map(({ warnings }) => warnings)).toEqual([
      [
        expect.stringMatching(
          /^m \(20,000 rows\) is rewritten; .* Refresh it concurrently, which requires a unique index/,
        ),
      ],
      [],
    ]);
  });

  it("plan reports a statement that would fail", async () => {
    const { error, next, migrations } = await planned({
      up: "alter table players add column a int;\nalter table player add column b int;",
    });
    expect(error?.message).toMatch(
      /0001_next\.sql:2:1: relation "player" does not exist \(42P01\)[\s\S]*It failed on a scratch database; nothing was done to yours\./,
    );
    expect(migrations).toHaveLength(1);
    expect(next?.statements.map(({ text }) => text)).toEqual([
      "alter table players add column a int",
      "alter table player add column b int",
    ]);
  });

  it("plan measures a migration that rejects the fixtures without them, and reports the tables", async () => {
    const { error, next } = await planned({ up: "alter table players alter email set not null;" });
    expect(error).toBeUndefined();
    expect(next).toMatchObject({
      statements: [{ scans: ["players"] }],
      empty: [{ table: "public.players", reason: expect.stringContaining("contains null values") }],
    });
  });

  it("plan returns the SQL and a remedy when the role may not create a scratch database", async () => {
    const { sql, url, target } = await emptyDatabase({ direct: true });
    const role = `planner_${process.pid}`;
    await sql.unsafe(`create role ${role} login password 'x'; grant create on schema public to ${role}`);
    const as = withLogin(url, { user: role, password: "x" });
    const { folder } = migrationsOf(players);
    const found = await plan({ target: { url: as }, folder });
    expect(found.error?.message).toMatch(/may not create a scratch database \(42501\).*--scratch/);
    expect(found.migrations[0]?.statements).toHaveLength(2);
    const elsewhere = await plan({ target: { url: as }, scratch: target, folder });
    expect(elsewhere.error).toBeUndefined();
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  });
});
