import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../../src/database/pool.ts";
import { createEncryptionKey } from "../../../src/identity/encryption/configured-keys.ts";
import { rotateKeys } from "../../../src/identity/encryption/key-rotation.ts";
import { requireEncryptionKeys } from "../../../src/identity/encryption/required-keys.ts";
import { createSecretCipher, type SecretCipher } from "../../../src/identity/encryption/secret-cipher.ts";
import { secretPlace } from "../../../src/repositories/encrypted-secrets.ts";
import type { Repositories } from "../../../src/repositories/repositories.ts";
import { connectTo, createDatabase, emptyTables, repositoriesOn, type TestDatabase } from "../../support/database.ts";
import { account } from "../../support/service.ts";

const [older, newer] = [createEncryptionKey("older"), createEncryptionKey("newer")];
const olderCipher = createSecretCipher([older]);
const cipher = createSecretCipher([newer, older]);
const newerCipher = createSecretCipher([newer]);
const secret = new Uint8Array([1, 2, 3]);

let database: TestDatabase;
let pool: Database;
let repositories: Repositories;
beforeAll(async () => {
  database = await createDatabase();
  pool = await connectTo(database.url);
  repositories = repositoriesOn(pool.db);
});
afterEach(() => emptyTables(database.sql));
afterAll(async () => {
  await pool.close();
  await database.drop();
});

async function enrolledWith(by: SecretCipher): Promise<string> {
  const { id } = await account(database.sql);
  const text = by.encrypt(secret, secretPlace("factor", id));
  await database.sql`update user_security set two_factor_enabled = true, two_factor_secret = ${text} where user_id = ${id}`;
  return id;
}

const secretOf = async (id: string) => (await repositories.secondFactors.findTotp(id))?.secret ?? "";
const decrypt = (by: SecretCipher, id: string, text: string) =>
  new Uint8Array(by.decrypt(text, secretPlace("factor", id)));

describe("a rotation of the keys", () => {
  it("secrets of older keys are encrypted with the newest key, and the trail names the rotation", async () => {
    const [old, current] = [await enrolledWith(olderCipher), await enrolledWith(cipher)];
    const untouched = await secretOf(current);
    expect(await rotateKeys(repositories, cipher)).toEqual({
      keyId: "newer",
      reencrypted: 1,
      changed: 0,
      invalid: [],
      missingKeyIds: [],
      isStopped: false,
    });
    expect(decrypt(newerCipher, old, await secretOf(old))).toEqual(secret);
    expect(await secretOf(current)).toBe(untouched);
    const trail = await database.sql`select resource_id, changes from audit_log where actor = 'system:keys'`;
    expect(trail).toEqual([{ resource_id: old, changes: { two_factor_secret: ["[secret]", "[secret]"] } }]);
  });

  it("a pending enrolment is encrypted with the newest key, and an expired one is removed", async () => {
    const { secondFactors } = repositories;
    const [{ id }, { id: expired }] = [await account(database.sql), await account(database.sql)];
    for (const one of [id, expired])
      await secondFactors.beginEnrolment(
        { name: "service:test" },
        one,
        olderCipher.encrypt(secret, secretPlace("enrolment", one)),
      );
    await database.sql`update user_security set two_factor_pending_since = now() - interval '1 day' where user_id = ${expired}`;
    expect(await rotateKeys(repositories, cipher)).toMatchObject({ reencrypted: 1 });
    const text = (await secondFactors.findPendingSecret(id)) ?? "";
    expect(new Uint8Array(newerCipher.decrypt(text, secretPlace("enrolment", id)))).toEqual(secret);
    const [row] =
      await database.sql`select two_factor_pending_secret as text from user_security where user_id = ${expired}`;
    expect(row).toEqual({ text: null });
  });

  it("2,500 secrets are encrypted in three batches, and a stopped rotation continues with the next one", async () => {
    await database.sql`
      insert into users (id, email, username, password_hash)
      select id, id || '@example.com', left(replace(id::text, '-', ''), 30), '$bcrypt$x'
      from (select gen_random_uuid() as id from generate_series(1, 2500)) as new`;
    const ids = (await database.sql`select id from users`).map((row) => row["id"] as string);
    const texts = ids.map((id) => ({ id, text: olderCipher.encrypt(secret, secretPlace("factor", id)) }));
    await database.sql`
      update user_security set two_factor_enabled = true, two_factor_secret = text
      from jsonb_to_recordset(${database.sql.json(texts)}) as given (id uuid, text text) where user_id = id`;
    const stop = new AbortController();
    const stopped = await rotateKeys(repositories, cipher, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(stopped).toMatchObject({ reencrypted: 1_000, isStopped: true });
    const progress: number[] = [];
    const rest = await rotateKeys(repositories, cipher, { onProgress: (reencrypted) => progress.push(reencrypted) });
    expect([rest.reencrypted, progress]).toEqual([1_500, [1_000, 1_500]]);
    expect(await repositories.encryptedSecrets.keyIds()).toEqual(["newer"]);
    // Whole batches that do not decrypt do not keep a rotation from its end.
    const mistaken = createSecretCipher([createEncryptionKey("newest"), createEncryptionKey("newer")]);
    expect((await rotateKeys(repositories, mistaken)).invalid).toHaveLength(2_500);
  });

  it("a secret that changed after it was read is not replaced", async () => {
    const [id, other] = [await enrolledWith(olderCipher), await enrolledWith(olderCipher)];
    const { encryptedSecrets } = repositories;
    const read = await encryptedSecrets.read("factor", { keyId: "older", limit: 10 });
    const present = olderCipher.encrypt(new Uint8Array([9]), secretPlace("factor", id));
    await database.sql`update user_security set two_factor_secret = ${present} where user_id = ${id}`;
    const replacements = read.map((one) => ({ ...one, replacement: "v1.newer.replaced" }));
    expect(await encryptedSecrets.replace({ name: "service:test" }, "factor", replacements)).toBe(1);
    expect([await secretOf(id), await secretOf(other)]).toEqual([present, "v1.newer.replaced"]);
  });

  it("two rotations at once encrypt each secret once", async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => enrolledWith(olderCipher)));
    const both = await Promise.all([rotateKeys(repositories, cipher), rotateKeys(repositories, cipher)]);
    expect(both.reduce((sum, { reencrypted }) => sum + reencrypted, 0)).toBe(50);
    for (const id of ids) expect(decrypt(newerCipher, id, await secretOf(id))).toEqual(secret);
  });

  it("secrets that do not decrypt and keys that are missing are reported, and do not stop the rotation", async () => {
    const [moved, good] = [await enrolledWith(olderCipher), await enrolledWith(olderCipher)];
    await enrolledWith(createSecretCipher([createEncryptionKey("lost")]));
    const text = await secretOf(good);
    await database.sql`update user_security set two_factor_secret = ${text} where user_id = ${moved}`;
    expect(await rotateKeys(repositories, cipher)).toMatchObject({
      reencrypted: 1,
      invalid: [moved],
      missingKeyIds: ["lost"],
    });
  });
});

describe("the keys that a start requires", () => {
  it("a key that is missing is named, and every key that is in use counts once", async () => {
    const { encryptedSecrets } = repositories;
    expect(await encryptedSecrets.keyIds()).toEqual([]);
    await requireEncryptionKeys(encryptedSecrets, newerCipher);
    await Promise.all([olderCipher, cipher, olderCipher, cipher].map(enrolledWith));
    expect(await encryptedSecrets.keyIds()).toEqual(["newer", "older"]);
    await requireEncryptionKeys(encryptedSecrets, cipher);
    await expect(requireEncryptionKeys(encryptedSecrets, newerCipher)).rejects.toMatchObject({
      name: "MissingEncryptionKeyError",
      keyIds: ["older"],
      message: expect.stringContaining("ENCRYPTION_KEYS does not have: older."),
    });
  });
});
