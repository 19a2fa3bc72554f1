import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { advisoryLocks, advisoryLocksOfMigrations } from "../../src/database/advisory-locks.ts";

const filesOf = (folder: string, extension: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file));

it("advisory-locks.ts lists every advisory lock that the migrations acquire", () => {
  const names = filesOf("drizzle", ".sql").flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/advisory_\w+\(hashtextextended\('([^']*)'/g)].map(([, name]) => name),
  );
  expect(new Set(names)).toEqual(new Set(advisoryLocksOfMigrations));
});

it("advisory-locks.ts is the only file of src that names an advisory lock", () => {
  const naming = filesOf("src", ".ts").filter((file) =>
    /hashtextextended\((?!\$\{name\})(?!\$\{quoteLiteral\(advisoryLocks\.)/.test(
      readFileSync(file, "utf8").replace(/^ *\*.*/gm, ""),
    ),
  );
  expect(naming).toEqual([]);
});

it("locks of different purposes have different names", () => {
  const { migrator, importFile, importRun, job } = advisoryLocks;
  const names = [migrator("a"), importFile("a"), importRun("a"), job("a"), ...advisoryLocksOfMigrations];
  expect(new Set(names).size).toBe(names.length);
});
