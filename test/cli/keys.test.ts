import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { encryptionKeyEntry } from "../../src/config/encryption-keys.ts";
import { createEncryptionKey } from "../../src/identity/encryption/configured-keys.ts";
import { createSecretCipher } from "../../src/identity/encryption/secret-cipher.ts";
import { createDatabase } from "../support/database.ts";
import { command } from "../support/process.ts";
import { account, secret } from "../support/service.ts";

const [older, newer] = [createEncryptionKey("older"), createEncryptionKey("newer")];
const entries = [newer, older].map(encryptionKeyEntry).join(",");

async function databaseWithSecret() {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const { id } = await account(database.sql);
  const place = { table: "user_security", column: "two_factor_secret", rowId: id };
  const text = createSecretCipher([older]).encrypt(new Uint8Array(20), place);
  await database.sql`update user_security set two_factor_enabled = true, two_factor_secret = ${text} where user_id = ${id}`;
  const env = { DATABASE_URL: database.url, JWT_SECRET: secret };
  const read = async () =>
    (await database.sql`select two_factor_secret as text from user_security`)[0]?.["text"] as string;
  return { env, read };
}

it("keys generate prints an entry for ENCRYPTION_KEYS and nothing else", async () => {
  const [dated, named] = await Promise.all([
    command(["keys", "generate"]).ended,
    command(["keys", "generate", "--id", "k2"]).ended,
  ]);
  const { encryptionKeys = [] } = loadConfig({ ENCRYPTION_KEYS: `${named.output.trim()},${dated.output.trim()}` });
  expect(encryptionKeys.map(({ id }) => id)).toEqual(["k2", expect.stringMatching(/^\d{4}-\d\d-\d\d$/)]);
});

it("keys generate refuses an id that ENCRYPTION_KEYS would refuse", async () => {
  expect(await command(["keys", "generate", "--id", "A"]).ended).toMatchObject({
    code: 2,
    output: "--id must be 1 to 16 characters of a-z, 0-9, _ and -\n",
  });
});

it("keys rotate encrypts with the newest key, prints a summary, and finds nothing to do when it is repeated", async () => {
  const { env, read } = await databaseWithSecret();
  const rotate = (...args: string[]) =>
    command(["keys", "rotate", ...args], { ...env, ENCRYPTION_KEYS: entries }).ended;
  expect(await rotate()).toMatchObject({ code: 0, output: "Secrets encrypted with the key newer: 1.\n" });
  expect(await read()).toMatch(/^v1\.newer\./);
  const { code, stdout } = await rotate("--json");
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    { keyId: "newer", reencrypted: 0, changed: 0, invalid: [], missingKeyIds: [], isStopped: false },
  ]);
});

it("keys rotate without a key that secrets need changes nothing, names the key, and fails", async () => {
  const { env, read } = await databaseWithSecret();
  const before = await read();
  const { code, output } = await command(["keys", "rotate"], { ...env, ENCRYPTION_KEYS: encryptionKeyEntry(newer) })
    .ended;
  expect([code, await read()]).toEqual([1, before]);
  expect(output).toContain("Secrets need keys that ENCRYPTION_KEYS does not have: older.");
});

it("serve refuses to start without a key that secrets need, and names the key and the remedy", async () => {
  const { env } = await databaseWithSecret();
  const { code, output } = await command(["serve"], { ...env, PORT: "0", ENCRYPTION_KEYS: encryptionKeyEntry(newer) })
    .ended;
  expect(code).toBe(1);
  expect(output).toContain("encrypted with keys which ENCRYPTION_KEYS does not have: older. Add these keys");
  expect(output).not.toMatch(/^ +at /m);
});
