import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createRejectedRowsFile, type RejectedLine } from "../../../src/accounts/import/rejected-rows.ts";
import { fileOf } from "../../support/import.ts";

const row = (line: number): RejectedLine => ({ line, code: "BAD_REQUEST", field: null, message: "is bad" });

/** A path without a file. */
const newPath = () => `${fileOf("users.csv", "")}.refused.jsonl`;

const linesIn = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((text) => JSON.parse(text).line);

it("the file of rejected rows exists only after a row was rejected", async () => {
  const file = newPath();
  const rejectedRows = createRejectedRowsFile(file);
  expect(await rejectedRows.write([], 0)).toBe(0);
  expect(existsSync(file)).toBe(false);
  expect(await rejectedRows.write([row(2)], 0)).toBe(readFileSync(file).length);
  await rejectedRows.close();
});

it("the first write removes the rejected rows of an earlier import, and opening does not", async () => {
  const file = newPath();
  writeFileSync(file, "{}\n");
  const rejectedRows = createRejectedRowsFile(file);
  expect(readFileSync(file, "utf8")).toBe("{}\n");
  await rejectedRows.write([], 0);
  expect(existsSync(file)).toBe(false);
  await rejectedRows.close();
});

it("a batch that is retried has its rejected rows once", async () => {
  const file = newPath();
  const rejectedRows = createRejectedRowsFile(file);
  const end = await rejectedRows.write([row(1)], 0);
  await rejectedRows.write([row(2), row(3), row(4)], end);
  await rejectedRows.write([row(2), row(3)], end);
  await rejectedRows.close();
  expect(linesIn(file)).toEqual([1, 2, 3]);
});

it("a write removes rejected rows of an attempt that was not committed, even if it adds none", async () => {
  const file = newPath();
  const first = createRejectedRowsFile(file);
  const end = await first.write([row(1)], 0);
  await first.write([row(2)], end);
  await first.close();
  const again = createRejectedRowsFile(file);
  expect(await again.write([], end)).toBe(end);
  await again.close();
  expect(linesIn(file)).toEqual([1]);
});

it("a file of rejected rows that was truncated meanwhile continues without a hole", async () => {
  const file = newPath();
  const first = createRejectedRowsFile(file);
  const end = await first.write([row(1), row(2)], 0);
  await first.close();
  truncateSync(file, 0);
  const again = createRejectedRowsFile(file);
  await again.write([row(3)], end);
  await again.close();
  expect(linesIn(file)).toEqual([3]);
});
