import { parseOptions } from "@node-rs/argon2";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/index.ts";
import { needsRehash } from "../../../src/identity/password/needs-rehash.ts";
import { createPasswords, hashLimit } from "../../../src/identity/password/passwords.ts";
import { verifyPassword } from "../../../src/identity/password/verify-password.ts";
import { passwordHash } from "../../../src/validation/index.ts";
import { quietAuthentications, readableLog } from "../../support/log.ts";
import { reactions } from "./controlled-jobs.ts";

const created = async (env: Record<string, string> = {}) => {
  const { log, lines } = readableLog();
  return {
    passwords: await createPasswords(loadConfig({ NODE_ENV: "test", ...env }).passwords, {
      log,
      authentications: quietAuthentications,
    }),
    lines,
  };
};

describe("the hash of a new password", () => {
  it("the hash of a new password is Argon2id with OWASP's parameters, 16 bytes of salt and 32 bytes of hash", async () => {
    const { passwords } = await created();
    const hash = await passwords.hash("fifteen letters", { lane: "known" });
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(parseOptions(hash)).toMatchObject({ outputLen: 32, saltLen: 16 });
    expect(passwordHash.parse(hash)).toBe(hash);
    expect(needsRehash(hash, passwords.cost)).toBe(false);
    expect(await passwords.hash("fifteen letters", { lane: "known" })).not.toBe(hash);
  });

  it("the hash of a new password is that of its normalization to NFC", async () => {
    const { passwords } = await created();
    const hash = await passwords.hash("cafe\u0301 au lait, s'il", { lane: "known" });
    expect(await verifyPassword(hash, "caf\u00e9 au lait, s'il")).toBe(true);
    expect(await verifyPassword(hash, "cafe\u0301 au lait, s'il")).toBe(false);
  });

  it("a password of 256 characters is hashed to its last character", async () => {
    const { passwords } = await created();
    const password = `${"🜂".repeat(255)}x`;
    const hash = await passwords.hash(password, { lane: "known" });
    expect(await verifyPassword(hash, password)).toBe(true);
    expect(await verifyPassword(hash, `${"🜂".repeat(255)}y`)).toBe(false);
  });

  it("the settings raise the cost of a new hash", async () => {
    const { passwords } = await created({ ARGON2_MEMORY_KIB: "20000", ARGON2_PASSES: "3" });
    expect(await passwords.hash("fifteen letters", { lane: "known" })).toMatch(/\$m=20000,t=3,p=1\$/);
  });
});

it("while hashes are computed on all threads, as many attempts again are counted", async () => {
  const { passwords } = await created();
  const { threads } = loadConfig({ NODE_ENV: "test" }).passwords;
  let [counted, checked] = [0, 0];
  const checks = Array.from({ length: passwords.queue.limit + 3 }, async () => {
    const count = async () => {
      counted++;
      return undefined;
    };
    await passwords.verify(count, "fifteen letters", { lane: "strangers" });
    checked++;
  });
  await reactions();
  expect([counted, checked]).toEqual([2 * hashLimit(threads), 0]);
  await Promise.all(checks);
});

describe("the settings of passwords", () => {
  it.each([
    [{ ARGON2_MEMORY_KIB: "19455" }, "ARGON2_MEMORY_KIB must be a whole number from 19456 to 262144"],
    [{ ARGON2_MEMORY_KIB: "262145" }, "ARGON2_MEMORY_KIB must be a whole number from 19456 to 262144"],
    [{ ARGON2_PASSES: "1" }, "ARGON2_PASSES must be a whole number from 2 to 53"],
    [{ PASSWORD_MIN_LENGTH: "7" }, "PASSWORD_MIN_LENGTH must be a whole number from 8 to 64"],
    [
      { ARGON2_MEMORY_KIB: "262144", ARGON2_PASSES: "5" },
      "ARGON2_MEMORY_KIB times ARGON2_PASSES must be at most 1048576: reduce one of them",
    ],
    [{ BREACHED_PASSWORDS_FILE: "/no/such/file" }, "BREACHED_PASSWORDS_FILE cannot be read (ENOENT)"],
    [{ BREACHED_PASSWORDS_FILE: "package.json" }, "BREACHED_PASSWORDS_FILE must have lines of a SHA-1 hash"],
  ])("the settings %j are refused with the remedy", async (env, message) => {
    await expect(created(env as Record<string, string>)).rejects.toThrow(message);
  });

  it("a minimum length below 15 is logged as a warning, and 15 is not", async () => {
    expect((await created({ PASSWORD_MIN_LENGTH: "14" })).lines).toMatchObject([{ level: "warn", minLength: 14 }]);
    expect((await created()).lines).toEqual([]);
  });

  it.each([
    { threads: 4, cores: 2, limit: 2 },
    { threads: 4, cores: 16, limit: 2 },
    { threads: 16, cores: 8, limit: 8 },
    { threads: 1, cores: 8, limit: 1 },
    { threads: 2, cores: 1, limit: 1 },
  ])("$threads threads and $cores processors compute $limit hashes at once", ({ threads, cores, limit }) => {
    expect(hashLimit(threads, cores)).toBe(limit);
  });
});
