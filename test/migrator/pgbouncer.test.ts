import { describe, expect, it } from "vitest";
import { down } from "../../src/migrator/commands/down.ts";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";

describe.skipIf(!hasPgBouncer)("through PgBouncer in transaction mode", () => {
  it("eight migrators on two server connections of PgBouncer apply each migration once", async () => {
    const { url, sql } = await emptyDatabase();
    const target = { url: await pgBouncer(url, { poolSize: 2 }) };
    const { folder } = migrationsOf(
      { tag: "0000_counts", up: "create table counts (n int);", down: "drop table counts;" },
      {
        tag: "0001_one",
        up: "insert into counts values (1);\n--> statement-breakpoint\nselect pg_sleep(0.2);",
        down: "delete from counts;",
      },
      {
        tag: "0002_index",
        up: "-- migrate: no-transaction\ncreate index concurrently counts_n on counts (n);",
        down: "-- migrate: no-transaction\ndrop index concurrently counts_n;",
      },
      { tag: "0003_two", up: "insert into counts values (2);", down: "select 1;" },
    );
    const reports = await Promise.all(Array.from({ length: 8 }, () => up({ target, folder })));
    expect(reports.map(({ error }) => error?.message)).toEqual(Array(8).fill(undefined));
    expect(await sql`select n from counts order by n`).toEqual([{ n: 1 }, { n: 2 }]);
    expect((await status({ target, folder })).verdict).toBe("current");
    expect((await down({ target, folder, all: true, confirm: () => true })).error).toBeUndefined();
    // No advisory lock remains on the connections of the pool.
    const locks =
      await sql`select count(*)::int as n from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
    expect(locks).toEqual([{ n: 0 }]);
  });

  it("the migrations of this project are applied through PgBouncer", async () => {
    const { url } = await emptyDatabase();
    const target = { url: await pgBouncer(url, { poolSize: 2 }) };
    expect((await up({ target })).error).toBeUndefined();
    expect((await status({ target })).verdict).toBe("current");
  });
});
