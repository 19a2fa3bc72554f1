import { generateSync, ScureBase32Plugin } from "otplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../../src/database/pool.ts";
import { createEncryptionKey } from "../../../src/identity/encryption/configured-keys.ts";
import { rotateKeys } from "../../../src/identity/encryption/key-rotation.ts";
import { createSecretCipher } from "../../../src/identity/encryption/secret-cipher.ts";
import { createSecondFactor } from "../../../src/identity/second-factor/second-factor.ts";
import type { Repositories } from "../../../src/repositories/repositories.ts";
import { connectTo, createDatabase, repositoriesOn, type TestDatabase } from "../../support/database.ts";
import { account } from "../../support/service.ts";

const by = { name: "service:test" };
/** The clock stands still, so that no step ends during a test. */
const now = () => 1_800_000_000_000;
const keys = [createEncryptionKey("newer"), createEncryptionKey("older")] as const;

let database: TestDatabase;
let pool: Database;
let repositories: Repositories;
let factor: ReturnType<typeof createSecondFactor>;
beforeAll(async () => {
  database = await createDatabase();
  pool = await connectTo(database.url);
  repositories = repositoriesOn(pool.db);
  factor = createSecondFactor({ ...repositories, cipher: createSecretCipher([keys[1]]), now });
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

/** The code that an authenticator shows, in another step of 30 s. */
const codeOf = (secret: string, steps = 0) => {
  const bytes = new ScureBase32Plugin().decode(secret);
  return generateSync({ secret: bytes, epoch: now() / 1000 + steps * 30 });
};

async function begun() {
  const { id, username } = await account(database.sql);
  return { id, ...(await factor.beginEnrolment(by, id, username)) };
}

async function enrolled() {
  const player = await begun();
  return { ...player, codes: await factor.confirmEnrolment(by, player.id, codeOf(player.secret, -1)) };
}

const hundred = <T>(call: () => Promise<T>) => Promise.all(Array.from({ length: 100 }, call));

describe("the second factor", () => {
  it("an enrolment is confirmed by a code, and gives ten recovery codes", async () => {
    const { id, secret, otpauthUri } = await begun();
    expect(new URL(otpauthUri).searchParams.get("secret")).toBe(secret);
    expect(await factor.takeCode(id, codeOf(secret))).toBe(false);
    expect(await factor.confirmEnrolment(by, id, codeOf(secret, -1))).toHaveLength(10);
    expect(await factor.takeCode(id, codeOf(secret, 1))).toBe(true);
  });

  it("a wrong code leaves the enrolment pending, and an account without one is told so", async () => {
    const { id, secret } = await begun();
    await expect(factor.confirmEnrolment(by, id, "wrong")).rejects.toMatchObject({
      name: "InvalidInputError",
      field: "code",
    });
    await factor.confirmEnrolment(by, id, codeOf(secret));
    await expect(factor.confirmEnrolment(by, id, codeOf(secret))).rejects.toThrow("No enrolment is pending");
  });

  it("the code that confirmed an enrolment does not also sign in", async () => {
    const { id, secret } = await begun();
    const code = codeOf(secret);
    await factor.confirmEnrolment(by, id, code);
    expect(await factor.takeCode(id, code)).toBe(false);
  });

  it("of 100 calls at once with one code, one takes it", async () => {
    const { id, secret } = await enrolled();
    const code = codeOf(secret, 1);
    expect((await hundred(() => factor.takeCode(id, code))).filter(Boolean)).toHaveLength(1);
  });

  it("a recovery code is taken once, in any case and grouping, and the number left is told", async () => {
    const { id, codes } = await enrolled();
    const typed = codes[3]?.toLowerCase().replaceAll("-", " ") ?? "";
    expect(await factor.takeRecoveryCode(by, id, typed)).toBe(9);
    expect(await factor.takeRecoveryCode(by, id, typed)).toBeUndefined();
    expect(await factor.takeRecoveryCode(by, id, "no code")).toBeUndefined();
  });

  it("renewed recovery codes replace the earlier ones", async () => {
    const { id, codes } = await enrolled();
    const [renewed = ""] = await factor.renewRecoveryCodes(by, id);
    expect(await factor.takeRecoveryCode(by, id, codes[0] ?? "")).toBeUndefined();
    expect(await factor.takeRecoveryCode(by, id, renewed)).toBe(9);
  });

  it("a second factor that is removed accepts no code, and cannot be removed again", async () => {
    const { id, secret, codes } = await enrolled();
    await factor.disable(by, id);
    expect(await factor.takeCode(id, codeOf(secret, 1))).toBe(false);
    expect(await factor.takeRecoveryCode(by, id, codes[0] ?? "")).toBeUndefined();
    await expect(factor.disable(by, id)).rejects.toThrow("The account has no second factor");
    await expect(factor.renewRecoveryCodes(by, id)).rejects.toThrow("The account has no second factor");
  });

  it("a new enrolment replaces the authenticator only when it is confirmed", async () => {
    const { id, secret } = await enrolled();
    const next = await factor.beginEnrolment(by, id, "name");
    expect(await factor.takeCode(id, codeOf(secret, 1))).toBe(true);
    await factor.confirmEnrolment(by, id, codeOf(next.secret, -1));
    expect(await factor.takeCode(id, codeOf(next.secret))).toBe(true);
  });

  it("an enrolment is confirmed although the keys are rotated between its look-up and its change", async () => {
    const { id, secret } = await begun();
    const cipher = createSecretCipher(keys);
    const { secondFactors } = repositories;
    const during = {
      findPendingSecret: async (userId: string) => {
        const read = await secondFactors.findPendingSecret(userId);
        await rotateKeys(repositories, cipher);
        return read;
      },
      confirmEnrolment: (...args) => secondFactors.confirmEnrolment(...args),
    } satisfies Partial<typeof secondFactors> as typeof secondFactors;
    const { confirmEnrolment } = createSecondFactor({ secondFactors: during, cipher, now });
    expect(await confirmEnrolment(by, id, codeOf(secret))).toHaveLength(10);
  });

  it("the database holds no secret and no recovery code in the clear", async () => {
    const { id, secret, codes } = await enrolled();
    const rows = await database.sql`select * from user_security where user_id = ${id}`;
    const trail = await database.sql`select * from audit_log where resource_id = ${id}`;
    const texts = JSON.stringify([rows, trail]);
    for (const text of [secret, ...codes, ...codes.map((code) => code.replaceAll("-", ""))])
      expect(texts).not.toContain(text);
    const bytes = Buffer.from(new ScureBase32Plugin().decode(secret));
    for (const form of ["hex", "base64", "base64url"] as const) expect(texts).not.toContain(bytes.toString(form));
  });

  it("an unknown account has no second factor to enrol", async () => {
    const id = "00000000-0000-7000-8000-000000000000";
    await expect(factor.beginEnrolment(by, id, "name")).rejects.toThrow("There is no such user.");
  });
});
