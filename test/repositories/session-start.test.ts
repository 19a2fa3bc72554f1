import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import { connectTo, createDatabase, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";

let database: TestDatabase;
let pool: Database;
beforeAll(async () => {
  database = await createDatabase();
  pool = await connectTo(database.url);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

it("a sign-in finds its account among 5,000 by an index", async () => {
  await database.sql`
    insert into users (email, username, password_hash)
    select 'player' || n || '@example.com', 'player' || n, ${passwordHash}::text from generate_series(1, 5000) n`;
  await database.sql`analyze users, user_security`;
  const [user] = await database.sql`select id from users limit 1`;
  const { sessions } = repositoriesOn(pool.db);
  const scans = await pool.db.transaction(async (tx) => {
    const session = { userId: user?.["id"], factors: ["password"] as const, lifetime: 60, idleTimeout: 60, limit: 20 };
    await sessions.withTransaction(tx).start({ name: "service:test" }, session);
    return tx.execute(sql`
      select relname as table, seq_scan::int as scans from pg_stat_xact_user_tables
      where relname in ('users', 'user_security') order by 1`);
  });
  expect([...scans]).toEqual([
    { table: "user_security", scans: 0 },
    { table: "users", scans: 0 },
  ]);
});
