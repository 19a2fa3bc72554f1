import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { onTestFinished } from "vitest";
import { defaultMigrationsTable } from "../../src/migrator/history/table-names.ts";
import { readCatalog } from "../../src/migrator/introspection/catalog.ts";
import { createDatabase } from "./database.ts";

export interface TestMigration {
  readonly tag: string;
  readonly up: string;
  readonly down?: string;
  /** ms since 1970; by default 10 ms after the previous migration. */
  readonly when?: number;
}

const epoch = Date.UTC(2026, 0, 1);

/** Creates a migrations folder as drizzle-kit would, with these migrations; `write` replaces them. */
export function migrationsOf(...migrations: TestMigration[]) {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-migrations-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "meta"));
  const write = (...all: TestMigration[]) => {
    const entries = all.map(({ tag, when }, idx) => ({
      idx,
      version: "7",
      when: when ?? epoch + idx * 10,
      tag,
      breakpoints: true,
    }));
    writeFileSync(join(folder, "meta/_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
    for (const { tag, up, down } of all) {
      writeFileSync(join(folder, `${tag}.sql`), up);
      if (down !== undefined) writeFileSync(join(folder, `${tag}.down.sql`), down);
    }
  };
  write(...migrations);
  return { folder, write };
}

/** Creates an empty database, and drops it when the test ends. */
export async function emptyDatabase(options: { direct?: boolean } = {}) {
  const database = await createDatabase({ empty: true, ...options });
  onTestFinished(database.drop);
  return { ...database, target: { url: database.url } };
}

/** Runs drizzle-kit with DATABASE_URL as its only setting. */
export async function drizzleKit(url: string, command: string, more: Record<string, string> = {}) {
  const { PATH, HOME } = process.env;
  return promisify(execFile)("node_modules/.bin/drizzle-kit", [command], {
    env: { PATH, HOME, DATABASE_URL: url, ...more },
  });
}

/** Reads the catalog of everything that the migrations created. */
export const catalog = (sql: Sql) => readCatalog(sql, { migrationsTable: defaultMigrationsTable });
