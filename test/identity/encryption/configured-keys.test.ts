import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig } from "../../../src/config/config.ts";
import { configuredKeys } from "../../../src/identity/encryption/configured-keys.ts";
import { dataFolder } from "../../support/process.ts";

it("without ENCRYPTION_KEYS a key is generated once, in a file that only its owner can read", () => {
  const config = loadConfig({ DATA_DIR: dataFolder() });
  const keys = configuredKeys(config);
  expect(keys).toEqual([{ id: "generated", bytes: expect.any(Uint8Array) }]);
  expect(configuredKeys(config)).toEqual(keys);
  const file = join(config.dataDirectory, "encryption-keys");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(loadConfig({ ENCRYPTION_KEYS: readFileSync(file, "utf8") }).encryptionKeys).toEqual(keys);
});

it("a damaged file of the generated key is refused by its name, and is not replaced", () => {
  const config = loadConfig({ DATA_DIR: dataFolder() });
  configuredKeys(config);
  const file = join(config.dataDirectory, "encryption-keys");
  const damaged = readFileSync(file, "utf8").slice(0, -8);
  writeFileSync(file, damaged);
  expect(() => configuredKeys(config)).toThrow(`${file} entry 1 must have a key of 32 bytes`);
  expect(readFileSync(file, "utf8")).toBe(damaged);
});
