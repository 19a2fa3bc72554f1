import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import { connectTo, createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { passwordHash } from "../support/factories.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { account, passwordChangedAt } from "../support/service.ts";

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
    const userId = user?.["id"];
    const changed = await passwordChangedAt(database.sql, userId);
    const proved = { userId, factors: ["password"] as const, passwordChangedAt: changed };
    const session = { ...proved, lifetime: 60, idleTimeout: 60, limit: 20 };
    expect(await sessions.withTransaction(tx).start({ name: "service:test" }, session)).toBeDefined();
    return tx.execute(sql`
      select relname as table, seq_scan::int as scans from pg_stat_xact_user_tables
      where relname in ('users', 'user_security') order by 1`);
  });
  expect([...scans]).toEqual([
    { table: "user_security", scans: 0 },
    { table: "users", scans: 0 },
  ]);
});

it("a sign-in starts one session while the planner believes that there is one account", async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const { sessions } = repositoriesOn((await openPool(database.url)).db);
  const insert = (name: string) => database.sql`
    insert into users (email, username, password_hash) values (${`${name}@example.com`}, ${name}, ${passwordHash}) returning id`;
  const [user] = await insert("first");
  await database.sql`vacuum analyze users, user_security`;
  for (const name of ["second", "third"]) await insert(name);
  const session = { userId: user?.["id"], factors: ["operator"] as const, lifetime: 60, idleTimeout: 60, limit: 20 };
  const started = await sessions.start({ name: "service:test" }, session);
  expect(await database.sql`select id from user_sessions`).toEqual([{ id: started?.id }]);
});

it("a sign-in forgives its address before it locks the account, in the order in which attempts are counted", async () => {
  const { sql, drop } = await createDatabase();
  onTestFinished(drop);
  const { id } = await account(sql);
  const [address, login] = ["203.0.113.9", "a".repeat(64)];
  await sql`select * from take_attempt('{"actor":"test"}', ${id}, null, ${address}, ${login})`;
  await sql.begin(async (tx) => {
    await tx`update rate_limits set count = count`;
    const forgiven = sql`select forgive_attempt('{"actor":"test"}', ${id}, null, 1, ${address}, ${login})`.execute();
    await eventually(async () => {
      expect(await rowWaiters(sql)).toHaveLength(1);
    });
    await tx`select 1 from user_security where user_id = ${id} for update nowait`;
    return { forgiven };
  });
});
