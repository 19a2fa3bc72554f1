import { type HashFormatName, type ParsedHash, parsePasswordHash } from "../../validation/index.ts";
import { argon2Verifiers } from "./argon2.ts";
import { bcryptVerifiers } from "./bcrypt.ts";
import { pbkdf2Verifiers } from "./pbkdf2.ts";
import { phpassVerifiers } from "./phpass.ts";
import { scryptVerifiers } from "./scrypt.ts";
import type { Verifiers } from "./verifier.ts";

const verifiers: Verifiers = {
  ...argon2Verifiers,
  ...bcryptVerifiers,
  ...scryptVerifiers,
  ...pbkdf2Verifiers,
  ...phpassVerifiers,
};

const verify = <Format extends HashFormatName>(hash: ParsedHash<Format>, password: Buffer): Promise<boolean> =>
  verifiers[hash.format](hash, password);

/**
 * Whether a password is the one of a stored hash, in any format that imports accept. A text is hashed as its UTF-8 bytes,
 * without normalization. No password has the hash `!` or a text that imports refuse. bcrypt reads the first 72 bytes only, as
 * in the systems that the hashes come from.
 *
 * The duration depends on the format and cost of the hash. Hashes that imports accept take up to about a second.
 */
export async function verifyPassword(hash: string, password: string | Uint8Array): Promise<boolean> {
  const parsed = parsePasswordHash(hash);
  return parsed !== undefined && verify(parsed, Buffer.from(password));
}
