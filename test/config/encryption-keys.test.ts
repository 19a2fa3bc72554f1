import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { encryptionKeyEntry } from "../../src/config/encryption-keys.ts";
import { ConfigError } from "../../src/config/errors.ts";

const [first, second] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString("base64"));

function faultOf(keys: string): string {
  try {
    loadConfig({ ENCRYPTION_KEYS: keys });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "none";
}

describe("ENCRYPTION_KEYS", () => {
  it("ENCRYPTION_KEYS lists keys of 32 bytes, newest first, with and without padding", () => {
    const { encryptionKeys } = loadConfig({ ENCRYPTION_KEYS: `2026-11:${first}, old_1:${second?.replace("=", "")}` });
    expect(encryptionKeys).toEqual([
      { id: "2026-11", bytes: new Uint8Array(32).fill(1) },
      { id: "old_1", bytes: new Uint8Array(32).fill(2) },
    ]);
    expect(encryptionKeys?.map(encryptionKeyEntry)).toEqual([`2026-11:${first}`, `old_1:${second}`]);
  });

  it.each([
    ["has no id", `${first}`, "entry 1 must have the form id:base64"],
    ["is empty", `a:${first},`, "entry 2 must have the form id:base64"],
    ["has an id in upper case", `A:${first}`, "entry 1 must have an id of 1 to 16 characters"],
    ["has a long id", `${"a".repeat(17)}:${first}`, "entry 1 must have an id of 1 to 16 characters"],
    ["has a short key", `a:${first},b:${second?.slice(4)}`, "entry 2 must have a key of 32 bytes"],
    ["has a key in base64url", `a:${first?.replace("A", "-")}`, "entry 1 must have a key of 32 bytes"],
    ["has the id of another", `a:${first},a:${second}`, "must not have two entries with the same id"],
    ["has the key of another", `a:${first},b:${first}`, "must not have two entries with the same key"],
  ])("an entry that %s is refused by its position, and its text is not shown", (_, keys, fault) => {
    const message = faultOf(keys);
    expect(message).toContain(`ENCRYPTION_KEYS ${fault}`);
    for (const part of keys.split(/[,:]/).filter((text) => text.length > 8)) expect(message).not.toContain(part);
  });
});
