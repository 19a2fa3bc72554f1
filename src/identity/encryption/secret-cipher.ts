import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { EncryptionKey } from "../../config/index.ts";
import { InvalidCiphertextError, MissingEncryptionKeyError } from "./errors.ts";

const algorithm = "aes-256-gcm";
/** NIST SP 800-38D, 8.2.2: a random nonce of 96 bits. One key serves at most 2^32 encryptions (8.3). */
const nonceLength = 12;
const tagLength = 16;

/** Where a secret is stored. A ciphertext that was moved to another place does not decrypt. */
export interface SecretPlace {
  readonly table: string;
  readonly column: string;
  readonly rowId: string;
}

/** Encrypts secrets, and decrypts them at their place. */
export interface SecretCipher {
  /** The id of the key that encrypts. */
  readonly currentKeyId: string;
  /** @returns a text of letters, digits, `.`, `_` and `-`: at most 255 characters for a secret of at most 148 bytes */
  encrypt(secret: Uint8Array, place: SecretPlace): string;
  /**
   * @throws {MissingEncryptionKeyError} for a key id that the configuration does not have
   * @throws {InvalidCiphertextError} for a text that is altered, or was not encrypted for this place with this key
   */
  decrypt(text: string, place: SecretPlace): Uint8Array;
  hasKey(id: string): boolean;
}

/**
 * AES-256 in Galois/Counter Mode (NIST SP 800-38D). A ciphertext is `v1.<key id>.<base64url>` of nonce, ciphertext and
 * tag. Key id and place are associated data.
 *
 * @param keys newest first: the first one encrypts, every one decrypts
 */
export function createSecretCipher(keys: readonly EncryptionKey[]): SecretCipher {
  const [current] = keys;
  if (current === undefined) throw new TypeError("there is no key to encrypt with");
  const keysById = new Map(keys.map(({ id, bytes }) => [id, bytes]));

  return {
    currentKeyId: current.id,
    hasKey: (id) => keysById.has(id),

    encrypt: (secret, place) => {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv(algorithm, current.bytes, nonce, { authTagLength: tagLength });
      cipher.setAAD(associatedData(current.id, place));
      const parts = [nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()];
      return `v1.${current.id}.${Buffer.concat(parts).toString("base64url")}`;
    },

    decrypt: (text, place) => {
      const { keyId, bytes } = partsOf(text, place);
      const key = keysById.get(keyId);
      if (key === undefined) throw new MissingEncryptionKeyError([keyId]);
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceLength), { authTagLength: tagLength });
      decipher.setAAD(associatedData(keyId, place));
      decipher.setAuthTag(bytes.subarray(-tagLength));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceLength, -tagLength)), decipher.final()]);
      } catch (cause) {
        throw invalid(place, cause);
      }
    },
  };
}

/** @throws {InvalidCiphertextError} */
function partsOf(text: string, place: SecretPlace): { keyId: string; bytes: Buffer } {
  const [, keyId = "", encoded = ""] = /^v1\.([a-z0-9_-]{1,16})\.([\w-]+)$/.exec(text) ?? [];
  const bytes = Buffer.from(encoded, "base64url");
  // The last character of base64url may have unused bits, which the tag does not cover: only one form is accepted.
  if (bytes.length < nonceLength + tagLength || bytes.toString("base64url") !== encoded) throw invalid(place);
  return { keyId, bytes };
}

/** JSON keeps the parts apart: no two places have the same text. */
const associatedData = (keyId: string, { table, column, rowId }: SecretPlace): Buffer =>
  Buffer.from(JSON.stringify(["aeturnis-data", "v1", keyId, table, column, rowId]));

const invalid = ({ table, column, rowId }: SecretPlace, cause?: unknown) =>
  new InvalidCiphertextError(
    `The secret in ${table}.${column} of ${rowId} does not decrypt: it was altered or moved, or its key is another one. ` +
      "Restore the value or the key, or remove the second factor of this account.",
    { cause },
  );
