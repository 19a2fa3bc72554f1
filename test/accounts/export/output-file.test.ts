import { execFileSync } from "node:child_process";
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ImportExportError } from "../../../src/accounts/errors.ts";
import { exportUsers } from "../../../src/accounts/export/export-users.ts";
import { createDatabase, openPool, type TestDatabase } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf } from "../../support/import.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`insert into users (email, username, password_hash) values ('mira@example.com', 'Mira', ${passwordHash})`;
});
afterAll(() => database.drop());

/** A temporary folder with one file. */
const folder = () => dirname(fileOf("other", "before"));
const exportTo = async (file: string) =>
  exportUsers({ db: (await openPool(database.url)).db, format: "csv", to: { file } });

/** A link to a device: a defect that replaces the output file replaces the link, and not the device of the machine. */
function linkTo(device: string, at: string): string {
  symlinkSync(device, join(at, "device"));
  return join(at, "device");
}

function linkToItself(at: string): string {
  symlinkSync("loop", join(at, "loop"));
  return join(at, "loop");
}

it.each([
  ["a folder that does not exist", (at: string) => join(at, "nowhere", "users.csv"), /the folder does not exist/],
  ["a folder", (at: string) => at, /is a folder/],
  ["a path below a file", (at: string) => join(at, "other", "users.csv"), /not a folder/],
  ["a name that is too long", (at: string) => join(at, "x".repeat(300)), /name is too long/],
  ["a link that points to itself", linkToItself, /cycle/],
  ["a full device", (at: string) => linkTo("/dev/full", at), /the disk is full/],
])("an export to %s fails with the reason, and leaves no file", async (_, target, message) => {
  const at = folder();
  const file = target(at);
  const before = readdirSync(at);
  const failed = await exportTo(file).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ImportExportError);
  expect((failed as Error).message).toMatch(message);
  expect((failed as Error).message).toContain(file);
  expect(readdirSync(at)).toEqual(before);
});

it("an export to a link writes the file that it points to, existing or new, and keeps the link", async () => {
  const at = folder();
  mkdirSync(join(at, "deep"));
  for (const name of ["there.csv", "new.csv"]) {
    const [link, file] = [join(at, name), join(at, "deep", name)];
    if (name === "there.csv") writeFileSync(file, "before");
    symlinkSync(join("deep", name), link);
    expect(await exportTo(link)).toEqual({ rows: 1 });
    expect(readlinkSync(link)).toBe(join("deep", name));
    expect(readFileSync(file, "utf8")).toContain("mira@example.com");
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
  }
  expect(readdirSync(join(at, "deep")).sort()).toEqual(["new.csv", "there.csv"]);
});

it("an export to a FIFO reaches its reader, and an export to a device keeps the device", async () => {
  const fifo = join(folder(), "fifo");
  execFileSync("mkfifo", [fifo]);
  const read = readText(createReadStream(fifo));
  expect(await exportTo(fifo)).toEqual({ rows: 1 });
  expect(await read).toContain("mira@example.com");
  expect(lstatSync(fifo).isFIFO()).toBe(true);
  const device = linkTo("/dev/null", folder());
  expect(await exportTo(device)).toEqual({ rows: 1 });
  expect(readlinkSync(device)).toBe("/dev/null");
});
