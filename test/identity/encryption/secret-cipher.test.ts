import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEncryptionKey } from "../../../src/identity/encryption/configured-keys.ts";
import { InvalidCiphertextError, MissingEncryptionKeyError } from "../../../src/identity/encryption/errors.ts";
import { createSecretCipher } from "../../../src/identity/encryption/secret-cipher.ts";

const [older, newer] = [createEncryptionKey("older"), createEncryptionKey("newer")];
const cipher = createSecretCipher([newer, older]);

const secrets = fc.uint8Array({ maxLength: 148 });
const places = fc.record({ table: fc.string(), column: fc.string(), rowId: fc.string() });

describe("a secret", () => {
  it("a secret of any content and place decrypts at its place, and its text fits 255 characters", () => {
    fc.assert(
      fc.property(secrets, places, (secret, place) => {
        const text = cipher.encrypt(secret, place);
        expect(text).toMatch(/^v1\.newer\.[\w-]+$/);
        expect(text.length).toBeLessThanOrEqual(255);
        expect(new Uint8Array(cipher.decrypt(text, place))).toEqual(secret);
      }),
    );
  });

  it("a secret does not decrypt at any other place", () => {
    fc.assert(
      fc.property(secrets, places, places, (secret, place, other) => {
        fc.pre(JSON.stringify(place) !== JSON.stringify(other));
        expect(() => cipher.decrypt(cipher.encrypt(secret, place), other)).toThrow(InvalidCiphertextError);
      }),
    );
    const text = cipher.encrypt(new Uint8Array(20), { table: "a", column: "bc", rowId: "d" });
    expect(() => cipher.decrypt(text, { table: "ab", column: "c", rowId: "d" })).toThrow(InvalidCiphertextError);
  });

  it("a ciphertext in which any character is replaced, added or removed does not decrypt", () => {
    const place = { table: "t", column: "c", rowId: "1" };
    const characters = fc.constantFrom(..."ABYZabyz0189-_.=+/ ");
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.option(characters),
        fc.boolean(),
        (secret, at, character, replace) => {
          const text = cipher.encrypt(secret, place);
          const index = at % (text.length + 1);
          const altered =
            text.slice(0, index) + (character ?? "") + text.slice(replace || character === null ? index + 1 : index);
          fc.pre(altered !== text);
          expect(() => cipher.decrypt(altered, place)).toThrow();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("a ciphertext in which any bit of nonce, ciphertext or tag is flipped does not decrypt", () => {
    const place = { table: "t", column: "c", rowId: "1" };
    const [version, keyId, encoded = ""] = cipher.encrypt(new Uint8Array(20), place).split(".");
    const bytes = Buffer.from(encoded, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const text = [version, keyId, altered.toString("base64url")].join(".");
      expect(() => cipher.decrypt(text, place), `bit ${bit}`).toThrow(InvalidCiphertextError);
    }
  });

  it("equal secrets have different ciphertexts", () => {
    const place = { table: "t", column: "c", rowId: "1" };
    const texts = Array.from({ length: 100 }, () => cipher.encrypt(new Uint8Array(20), place));
    expect(new Set(texts).size).toBe(100);
  });
});

describe("keys", () => {
  const place = { table: "t", column: "c", rowId: "1" };
  const secret = new Uint8Array([1, 2, 3]);

  it("a secret of an older key decrypts, and a new one is encrypted with the newest key", () => {
    const text = createSecretCipher([older]).encrypt(secret, place);
    expect(new Uint8Array(cipher.decrypt(text, place))).toEqual(secret);
    expect(cipher.currentKeyId).toBe("newer");
  });

  it("a secret of a key that is not configured is refused with the id of the key", () => {
    const text = cipher.encrypt(secret, place);
    const decrypt = () => createSecretCipher([older]).decrypt(text, place);
    expect(decrypt).toThrow(MissingEncryptionKeyError);
    expect(decrypt).toThrow("does not have: newer.");
  });

  it("a secret of another key of the same id is refused", () => {
    const other = createSecretCipher([createEncryptionKey("newer")]);
    expect(() => other.decrypt(cipher.encrypt(secret, place), place)).toThrow(InvalidCiphertextError);
  });
});
