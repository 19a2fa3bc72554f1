/** A key of AES-256 and the id that ciphertexts name it by. */
export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/** Valid ids of keys. The id stands in the clear in every ciphertext. */
export const encryptionKeyId = /^[a-z0-9_-]{1,16}$/;

/** 32 bytes in base64 (RFC 4648, section 4), with or without padding. */
const keyText = /^[A-Za-z0-9+/]{43}=?$/;

const remedy = "`aeturnis-data keys generate` prints a valid one";

/**
 * Parses the text of `ENCRYPTION_KEYS`: entries `id:base64`, separated by commas, the newest first.
 *
 * @returns the keys, or the faults of the text. A fault names entries by their position: without its id an entry is all
 *   key.
 */
export function parseEncryptionKeys(text: string): { keys: readonly EncryptionKey[]; faults: readonly string[] } {
  const entries = text.split(",").map((entry) => entry.trim().split(/:(.*)/s, 2) as [string, string?]);
  const faults: string[] = [];
  const keys: EncryptionKey[] = [];
  for (const [at, [id, base64]] of entries.entries()) {
    const entry = `entry ${at + 1}`;
    if (base64 === undefined) faults.push(`${entry} must have the form id:base64: ${remedy}`);
    else if (!encryptionKeyId.test(id))
      faults.push(`${entry} must have an id of 1 to 16 characters of a-z, 0-9, _ and -`);
    else if (!keyText.test(base64)) faults.push(`${entry} must have a key of 32 bytes in base64: ${remedy}`);
    else keys.push({ id, bytes: new Uint8Array(Buffer.from(base64, "base64")) });
  }
  if (faults.length === 0 && new Set(keys.map(({ id }) => id)).size < keys.length)
    faults.push("must not have two entries with the same id");
  if (faults.length === 0 && new Set(keys.map(({ bytes }) => bytes.join())).size < keys.length)
    faults.push("must not have two entries with the same key");
  return { keys, faults };
}

/** The entry of a key in `ENCRYPTION_KEYS`. */
export const encryptionKeyEntry = ({ id, bytes }: EncryptionKey): string =>
  `${id}:${Buffer.from(bytes).toString("base64")}`;
