import { expect, it } from "vitest";
import { needsRehash } from "../../../src/identity/password/needs-rehash.ts";
import { noPassword } from "../../../src/validation/index.ts";

const current = { memoryKiB: 19_456, passes: 2, lanes: 1 };
const tail = "c29tZXNhbHRzb21lc2FsdA$AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk";

it.each([
  ["the current parameters", "m=19456,t=2,p=1"],
  ["more memory", "m=65536,t=2,p=1"],
  ["more passes", "m=19456,t=3,p=1"],
  ["more lanes", "m=19456,t=2,p=4"],
])("needsRehash is false for Argon2id with %s", (_, parameters) => {
  expect(needsRehash(`$argon2id$v=19$${parameters}$${tail}`, current)).toBe(false);
});

it.each([
  ["less memory", "m=19455,t=2,p=1"],
  ["less memory and more passes", "m=12288,t=3,p=1"],
  ["fewer passes", "m=19456,t=1,p=1"],
])("needsRehash is true for Argon2id with %s", (_, parameters) => {
  expect(needsRehash(`$argon2id$v=19$${parameters}$${tail}`, current)).toBe(true);
});

it("needsRehash is true for Argon2id with fewer lanes than the current ones", () => {
  expect(needsRehash(`$argon2id$v=19$m=19456,t=2,p=1$${tail}`, { ...current, lanes: 2 })).toBe(true);
});

it.each([
  ["Argon2i", `$argon2i$v=19$m=65536,t=3,p=1$${tail}`],
  ["Argon2d", `$argon2d$v=19$m=65536,t=3,p=1$${tail}`],
  ["version 16", `$argon2id$v=16$m=65536,t=3,p=1$${tail}`],
  ["no version", `$argon2id$m=65536,t=3,p=1$${tail}`],
  ["Argon2id of Django", `argon2$argon2id$v=19$m=65536,t=3,p=1$${tail}`],
  ["bcrypt", "$2b$14$DNBb6piCJsCzM5RjSWJuxulocoqBZ6uFISZfMQrx0s.A5teufBx0a"],
  ["phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"],
])("needsRehash is true for another format: %s", (_, hash) => {
  expect(needsRehash(hash, current)).toBe(true);
});

it("needsRehash is false for an account without a password", () => {
  expect(needsRehash(noPassword, current)).toBe(false);
});
