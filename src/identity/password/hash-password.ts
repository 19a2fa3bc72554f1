import { randomBytes } from "node:crypto";
import { hash } from "@node-rs/argon2";
import type { Argon2Cost } from "../../validation/index.ts";
import { normalizePassword } from "./password-text.ts";

/** Bytes of a hash and of its salt (RFC 9106, section 4). */
const hashSize = 32;
const saltSize = 16;

/** The numbers of the package's enums, which exist in its declarations only. */
const argon2id = 2;
const version19 = 1;

/**
 * The hash of a new password in PHC form: Argon2id, version 19, of the UTF-8 of the password in NFC. Computations must pass
 * through the `HashQueue`; `Passwords.hash` does both.
 */
export const hashPassword = (password: string, { memoryKiB, passes, lanes }: Argon2Cost): Promise<string> =>
  hash(normalizePassword(password), {
    algorithm: argon2id,
    version: version19,
    memoryCost: memoryKiB,
    timeCost: passes,
    parallelism: lanes,
    outputLen: hashSize,
    salt: randomBytes(saltSize),
  });
