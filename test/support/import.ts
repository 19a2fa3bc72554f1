import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, onTestFinished } from "vitest";
import { formatOf } from "../../src/accounts/file-format.ts";
import type { ImportOptions } from "../../src/accounts/import/import-options.ts";
import { importUsers } from "../../src/accounts/import/import-users.ts";
import type { Database } from "../../src/database/pool.ts";
import { createDatabase, emptyTables, openPool, repositoriesOn, type TestDatabase } from "./database.ts";
import { passwordHash } from "./factories.ts";

/** One database for the imports of a test file: each test begins without users and with a pool of its own. */
export function useImportDatabase() {
  const shared = {} as { database: TestDatabase; pool: Database };
  const emails = async () =>
    (await shared.database.sql`select email from users order by email`).map(({ email }) => email);
  beforeAll(async () => {
    shared.database = await createDatabase();
  });
  afterAll(() => shared.database.drop());
  beforeEach(async () => {
    shared.pool = await openPool(shared.database.url);
    await emptyTables(shared.database.sql);
  });
  return Object.assign(shared, { emails });
}

/** Creates a file in a temporary folder, which is removed when the test ends. */
export function fileOf(name: string, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** CSV with `count` users; `others` replaces rows by their index. */
export function csvOf(count: number, others: Readonly<Record<number, string>> = {}): string {
  const rows = Array.from({ length: count }, (_, index) => others[index] ?? csvRow(`player_${index}`));
  return ["email,username,password_hash", ...rows, ""].join("\n");
}

/** A row of `csvOf`. */
export const csvRow = (name: string): string => `${name}@example.com,${name},"${passwordHash}"`;

/** Imports a file in the format of its extension, CSV by default. */
export function importFile({ db }: Database, file: string, options: Partial<ImportOptions> = {}) {
  const format = formatOf(file) ?? "csv";
  return importUsers({
    db,
    repositories: repositoriesOn(db),
    by: { name: "system:test" },
    from: { file },
    format,
    ...options,
  });
}

/** The rejected rows of a file's import. */
export function rejectedRowsOf(file: string): { line: number; field: string | null; message: string }[] {
  return readFileSync(`${file}.refused.jsonl`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}
