import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openBreachedPasswords } from "../../../src/identity/password/breached-passwords.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "aeturnis-breached-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const sha1 = (password: string) => createHash("sha1").update(password).digest("hex").toUpperCase();

/** Passwords in the order of their hashes. */
const sorted = (count: number) =>
  Array.from({ length: count }, (_, n) => `password number ${n}`).sort((a, b) => (sha1(a) < sha1(b) ? -1 : 1));

const fileOf = (text: string): string => {
  const file = join(folder, "hashes.txt");
  writeFileSync(file, text);
  return file;
};

async function opened(text: string) {
  const breached = await openBreachedPasswords(fileOf(text));
  onTestFinished(breached.close);
  return breached;
}

const withCount = (password: string, index: number) => `${sha1(password)}:${10 ** (index % 9)}`;

describe("a file of breached passwords", () => {
  it.each([
    ["lines as they are published", (line: string) => `${line}\n`, ""],
    ["CRLF", (line: string) => `${line}\r\n`, ""],
    ["lines without a count", (line: string) => `${line.slice(0, 40)}\n`, ""],
    ["hashes in lower case", (line: string) => `${line.toLowerCase()}\n`, ""],
    ["no line end after the last line", (line: string) => `${line}\n`, "last"],
  ])("a file of breached passwords with %s has each of its passwords and no other", async (_, format, end) => {
    const passwords = sorted(2_000);
    const text = passwords.map(withCount).map(format).join("");
    const breached = await opened(end === "last" ? text.trimEnd() : text);
    for (const password of passwords) expect(await breached.has(password), password).toBe(true);
    for (let n = 2_000; n < 2_500; n++) expect(await breached.has(`password number ${n}`)).toBe(false);
  });

  it.each([1, 2, 60, 100])("a file of %i breached passwords has each of them", async (count) => {
    const passwords = sorted(count);
    // Without a line end after the last line.
    const breached = await opened(passwords.map((password) => `${sha1(password)}:1`).join("\n"));
    for (const password of passwords) expect(await breached.has(password), password).toBe(true);
    expect(await breached.has("another password")).toBe(false);
  });

  it("a breached password is found in NFC, as it is given and in lower case", async () => {
    const breached = await opened(`${["café au lait, s'il", "Mixed Case Password"].map(sha1).sort().join("\n")}\n`);
    expect(await breached.has("CAFE\u0301 AU LAIT, S'IL")).toBe(true);
    expect(await breached.has("Mixed Case Password")).toBe(true);
    expect(await breached.has("mixed case password")).toBe(false);
  });

  it.each([
    ["is empty", ""],
    ["must have lines of a SHA-1 hash, a colon and a number", "password\n123456\n"],
    ["must have lines of a SHA-1 hash, a colon and a number", `${"A".repeat(32)}:5\n`],
    ["must have lines of a SHA-1 hash, a colon and a number", `${sha1("a")}:5\n${"x".repeat(20_000)}`],
    ["must be sorted by hash", `${sorted(2_000).reverse().map(sha1).join("\n")}\n`],
    ["must be sorted by hash", `${[sha1("b"), sha1("a")].sort().reverse().join("\n")}\n`],
  ])("a file of another form is refused: it %s", async (message, text) => {
    await expect(openBreachedPasswords(fileOf(text))).rejects.toThrow(message);
  });

  it("a file that does not exist, and a folder, are refused", async () => {
    await expect(openBreachedPasswords(join(folder, "missing.txt"))).rejects.toThrow("cannot be read (ENOENT)");
    await expect(openBreachedPasswords(folder)).rejects.toThrow();
  });
});
