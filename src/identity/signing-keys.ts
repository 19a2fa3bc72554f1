import { createHash, hkdfSync } from "node:crypto";

/** What a key signs. No key serves two purposes (NIST SP 800-57 part 1, 5.2). */
export type KeyPurpose = "access tokens" | "refresh tokens" | "cursors";

export interface SigningKey {
  /** Identifies the key in the header `kid` of a token (RFC 7515, 4.1.4). It reveals nothing about the key. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/** Derives the key of a purpose from each secret by HKDF (RFC 5869). The order remains: the first one signs. */
export function deriveKeys(secrets: readonly string[], purpose: KeyPurpose): [SigningKey, ...SigningKey[]] {
  const keys = secrets.map((secret) => {
    const bytes = new Uint8Array(hkdfSync("sha256", secret, "aeturnis-data", purpose, 32));
    return { id: createHash("sha256").update(bytes).digest("base64url").slice(0, 8), bytes };
  });
  const [first, ...others] = keys;
  if (first === undefined) throw new TypeError("there is no secret to derive keys from");
  return [first, ...others];
}
