import { createCipheriv, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { ParsedHash } from "../../validation/index.ts";
import { decodeBase64, decodeCryptBase64, isEqualDigest } from "./digest.ts";
import type { Verifier, Verifiers } from "./verifier.ts";

const deriveKey = promisify<Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);

type ScryptCost = ParsedHash<"scrypt">["cost"];

interface Derivation {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  /** In bytes. */
  readonly length: number;
}

/** OpenSSL counts 128 r bytes for each of n + 2 blocks and of p lanes, and refuses a smaller maximum. */
const derive = (password: Buffer, { cost: { n, r, p }, salt, length }: Derivation): Promise<Buffer> =>
  deriveKey(password, salt, length, { N: n, r, p, maxmem: 128 * r * (n + p + 2) });

async function verifyScrypt(
  password: Buffer,
  { cost, salt, digest }: { cost: ScryptCost; salt: Buffer; digest: Buffer },
): Promise<boolean> {
  return isEqualDigest(await derive(password, { cost, salt, length: digest.length }), digest);
}

const verifyBase64: Verifier<"scrypt" | "javaScrypt"> = ({ cost, groups }, password) =>
  verifyScrypt(password, { cost, salt: decodeBase64(groups.salt), digest: decodeBase64(groups.digest) });

/**
 * Firebase's modified scrypt (https://github.com/firebase/scrypt): the salt is followed by the separator of the project, and
 * the digest is the signer key of the project, encrypted with AES-256 in counter mode under the derived key.
 */
const verifyFirebase: Verifier<"oryFirebaseScrypt" | "supabaseFirebaseScrypt"> = async ({ cost, groups }, password) => {
  const [userSalt, separator, signerKey] = [groups.salt, groups.separator, groups.signerKey].map(decodeBase64) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const key = await derive(password, { cost, salt: Buffer.concat([userSalt, separator]), length: 32 });
  const encrypted = createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(signerKey);
  return isEqualDigest(encrypted, decodeBase64(groups.digest));
};

export const scryptVerifiers = {
  scrypt: verifyBase64,
  javaScrypt: verifyBase64,
  cryptScrypt: ({ cost, groups }, password) =>
    verifyScrypt(password, { cost, salt: Buffer.from(groups.salt), digest: decodeCryptBase64(groups.digest) }),
  werkzeugScrypt: ({ cost, groups }, password) =>
    verifyScrypt(password, { cost, salt: Buffer.from(groups.salt), digest: Buffer.from(groups.digest, "hex") }),
  djangoScrypt: ({ cost, groups }, password) =>
    verifyScrypt(password, { cost, salt: Buffer.from(groups.salt), digest: decodeBase64(groups.digest) }),
  oryFirebaseScrypt: verifyFirebase,
  supabaseFirebaseScrypt: verifyFirebase,
} satisfies Partial<Verifiers>;
