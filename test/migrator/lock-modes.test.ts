import { afterAll, beforeAll, expect, it } from "vitest";
import { codeOf } from "../../src/database/error-code.ts";
import { blocksWriters, lockEffect, lockModes } from "../../src/migrator/impact/lock-modes.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  await database.sql`create table locked (id int)`;
});
afterAll(() => database.drop());

/** `ShareRowExclusiveLock` as LOCK TABLE spells it. */
const spelled = (mode: string) => mode.replace(/Lock$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, " ");

const waits = (mode: string) =>
  database.sql
    .begin((sql) => sql.unsafe(`lock table locked in ${mode} mode nowait`))
    .then(
      () => false,
      (error) => codeOf(error) === "55P03" || Promise.reject(error),
    );

it.each(lockModes)("%s blocks what its description says", async (mode) => {
  const { readers, writers } = await database.sql.begin(async (sql) => {
    await sql.unsafe(`lock table locked in ${spelled(mode)} mode`);
    return { readers: await waits("access share"), writers: await waits("row exclusive") };
  });
  expect(blocksWriters(mode)).toBe(writers);
  expect(lockEffect(mode)).toMatch(
    readers ? /^reads and writes are blocked/ : writers ? /reads continue$/ : /^reads and writes continue/,
  );
});
