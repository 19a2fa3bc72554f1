import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import type { Db } from "../database/transaction.ts";
import { migrationsFolder, readJournal } from "./journal.ts";

/** Tags of the migrations that the database lacks, in order. */
export async function pendingMigrations(db: Db): Promise<string[]> {
  const [bookkeeping] = await db.execute(sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`);
  const applied =
    bookkeeping?.["exists"] === true ? await db.execute(sql`select created_at from drizzle.__drizzle_migrations`) : [];
  const known = new Set(applied.map((row) => Number(row["created_at"])));
  return readJournal()
    .filter(({ when }) => !known.has(when))
    .map(({ tag }) => tag);
}

/**
 * Applies what is pending, as `drizzle-kit migrate` does, and returns its tags. On a connection of
 * its own: the pool's time-outs are for requests, and a migration may take longer.
 */
export async function applyMigrations(url: string): Promise<string[]> {
  const client = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "aeturnis-data migrate" },
  });
  try {
    const db = drizzle(client);
    const pending = await pendingMigrations(db);
    if (pending.length > 0) await migrate(db, { migrationsFolder });
    return pending;
  } finally {
    await client.end({ timeout: 5 });
  }
}
