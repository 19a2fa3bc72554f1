import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createRejectedRowsFile, type RejectedLine } from "../../src/accounts/import/rejected-rows.ts";
import { fileOf } from "../support/import.ts";

const row = (line: number): RejectedLine => ({ line, code: "BAD_REQUEST", field: null, message: "is bad" });

/** A path at which there is no file yet. */
const path = () => `${fileOf("users.csv", "")}.refused.jsonl`;

const linesIn = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((text) => JSON.parse(text).line);

it("is a file only once a row was refused", async () => {
  const file = path();
  const rejectedRows = createRejectedRowsFile(file);
  expect(await rejectedRows.write([], 0)).toBe(0);
  expect(existsSync(file)).toBe(false);
  expect(await rejectedRows.write([row(2)], 0)).toBe(readFileSync(file).length);
  await rejectedRows.close();
});

it("of an import before stay until this one has rows to decide, and then are gone", async () => {
  const file = path();
  writeFileSync(file, "{}\n");
  const rejectedRows = createRejectedRowsFile(file);
  expect(readFileSync(file, "utf8")).toBe("{}\n");
  await rejectedRows.write([], 0);
  expect(existsSync(file)).toBe(false);
  await rejectedRows.close();
});

it("has the rows of a batch that is run again once", async () => {
  const file = path();
  const rejectedRows = createRejectedRowsFile(file);
  const end = await rejectedRows.write([row(1)], 0);
  await rejectedRows.write([row(2), row(3), row(4)], end);
  await rejectedRows.write([row(2), row(3)], end);
  await rejectedRows.close();
  expect(linesIn(file)).toEqual([1, 2, 3]);
});

it("loses what an attempt that was not committed has put, also where this one refuses nothing", async () => {
  const file = path();
  const first = createRejectedRowsFile(file);
  const end = await first.write([row(1)], 0);
  await first.write([row(2)], end);
  await first.close();
  const again = createRejectedRowsFile(file);
  expect(await again.write([], end)).toBe(end);
  await again.close();
  expect(linesIn(file)).toEqual([1]);
});

it("has no hole where somebody cut it off, or took it away, in the meantime", async () => {
  const file = path();
  const first = createRejectedRowsFile(file);
  const end = await first.write([row(1), row(2)], 0);
  await first.close();
  truncateSync(file, 0);
  const again = createRejectedRowsFile(file);
  await again.write([row(3)], end);
  await again.close();
  expect(linesIn(file)).toEqual([3]);
});
