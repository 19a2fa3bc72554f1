import { appendFileSync, utimesSync, writeFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { ImportExportError } from "../../../src/accounts/errors.ts";
import type { ImportReport } from "../../../src/accounts/import/import-options.ts";
import { createFieldMapping } from "../../../src/accounts/mapping/field-mapping.ts";
import type { Database } from "../../../src/database/pool.ts";
import { createDatabase, openPool, type TestDatabase } from "../../support/database.ts";
import { csvOf, csvRow, fileOf, importFile, rejectedRowsOf } from "../../support/import.ts";

/** A database for one test, and the service's connection pool to it. */
async function emptyDatabase(): Promise<TestDatabase & { pool: Database }> {
  const database = await createDatabase();
  onTestFinished(database.drop);
  return { ...database, pool: await openPool(database.url) };
}

it("an import resumes after the last committed batch, keeps its rejected rows, and does not repeat an ended import", async () => {
  const { sql, pool } = await emptyDatabase();
  const bad = Object.fromEntries([5, 1_500, 2_999, 3_100].map((at) => [at, `bad_${at},x,y`]));
  const file = fileOf("users.csv", csvOf(3_500, bad));
  const interruption = new Error("interrupted");
  let batches = 0;
  // In the transaction of the second batch, after its last write: only its rejected rows survive, in their file.
  const onProgress = () => {
    if (++batches === 2) throw interruption;
  };
  await expect(importFile(pool, file, { onProgress })).rejects.toThrow(interruption);
  expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([7, 1502]);
  expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 999 }]);

  appendFileSync(`${file}.refused.jsonl`, '{"half":');
  const report = await importFile(pool, file);
  expect(report).toMatchObject({ outcome: "done", rows: 3_500, imported: 3_496, refused: 4, resumedBehind: 1_000 });
  expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([7, 1502, 3001, 3102]);
  expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 3_496 }]);
  expect(await importFile(pool, file)).toEqual({ ...report, outcome: "repeated", resumedBehind: 3_500 });
  expect(await importFile(pool, file, { restart: true })).toMatchObject({
    outcome: "done",
    imported: 0,
    refused: 3_500,
  });
});

it("an import begins at the first row in another database, and of a file that has changed after its import ended", async () => {
  const { pool } = await emptyDatabase();
  const { pool: other } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(3));
  await importFile(pool, file);
  expect(await importFile(other, file)).toMatchObject({ outcome: "done", imported: 3 });
  appendFileSync(file, `${csvRow("one_more")}\n`);
  expect(await importFile(pool, file)).toMatchObject({ outcome: "done", rows: 4, imported: 1, refused: 3 });
});

it("an import does not resume a file that has changed, and --restart begins anew", async () => {
  const { pool } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(5_000));
  const stop = new AbortController();
  const report = await importFile(pool, file, { signal: stop.signal, onProgress: () => stop.abort() });
  expect(report).toMatchObject({ outcome: "stopped", refused: 0 });
  expect(report.rows).toBeLessThan(5_000);
  utimesSync(file, 1, 1);
  await expect(importFile(pool, file)).rejects.toThrow(
    /has changed since its import began, and \d{4} rows of it are done/,
  );
  expect(await importFile(pool, file, { restart: true })).toMatchObject({ rows: 5_000, refused: report.rows });
});

it("two imports of one file at once import each row once, and an overtaken one fails with the reason", async () => {
  const { sql, pool } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(3_000, { 7: "bad", 1500: "bad", 2900: "bad" }));
  let other: Promise<unknown> | undefined;
  const onProgress = () => {
    other ??= importFile(pool, file).catch((error: unknown) => error);
  };
  const first = await importFile(pool, file, { onProgress }).catch((error: unknown) => error);
  const outcomes = [first, await other].map((outcome) =>
    outcome instanceof ImportExportError ? outcome.message : (outcome as ImportReport).outcome,
  );
  // The later import resumes after the committed rows, or finds all rows imported. An overtaken one fails.
  for (const outcome of outcomes)
    expect(outcome).toMatch(/^(done|repeated|Another process is importing the same file\.)$/);
  expect(outcomes.some((outcome) => outcome === "done")).toBe(true);
  expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([9, 1502, 2902]);
  expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 2_997 }]);
  const [position] = await sql`
    select changes from audit_log where resource_type = 'import' order by created_at desc limit 1`;
  expect(position?.["changes"]).toMatchObject({ rows: 3_000, imported: 2_997, refused: 3, ended: true });
});

it("processes that begin to import a file at the same moment share one import", async () => {
  const { sql, pool } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(1_500, { 7: "bad" }));
  await Promise.allSettled([importFile(pool, file), importFile(pool, file), importFile(pool, file)]);
  expect(await sql`select distinct resource_id from audit_log where resource_type = 'import'`).toHaveLength(1);
  expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([9]);
  expect(await importFile(pool, file)).toMatchObject({ imported: 1_499, refused: 1 });

  // The same holds for a file that has changed after its import ended.
  writeFileSync(file, csvOf(1_600, { 9: "bad" }).replaceAll("player_", "second_"));
  await Promise.allSettled([importFile(pool, file), importFile(pool, file), importFile(pool, file)]);
  expect(await sql`select distinct resource_id from audit_log where resource_type = 'import'`).toHaveLength(2);
  expect(rejectedRowsOf(file).map(({ line }) => line)).toEqual([11]);
});

it("an import does not resume with another mapping", async () => {
  const { pool } = await emptyDatabase();
  const file = fileOf("users.csv", csvOf(2_500));
  const stop = new AbortController();
  await importFile(pool, file, { signal: stop.signal, onProgress: () => stop.abort() });
  const mapping = createFieldMapping({ columns: { username: "email", email: "username" } });
  await expect(importFile(pool, file, { mapping })).rejects.toThrow(/began with another --format, --from or --map/);
  expect(await importFile(pool, file, { mapping: createFieldMapping() })).toMatchObject({
    outcome: "done",
    rows: 2_500,
  });
});
