import { hashRaw } from "@node-rs/argon2";
import { decodeBase64, isEqualDigest } from "./digest.ts";
import type { Verifier, Verifiers } from "./verifier.ts";

/** The numbers of the package's enum `Algorithm`, which exists in its declarations only. */
const algorithms: Readonly<Record<string, 0 | 1 | 2>> = { d: 0, i: 1, id: 2 };

/**
 * `hashRaw` and not `verify` of the package, which refuses the base64 of passlib and of URLs, padding, and digests over 64
 * bytes. A text without a version has version 16 (0x10), as the reference implementation reads it.
 */
const verifyArgon2: Verifier<"argon2" | "djangoArgon2"> = async ({ groups, cost }, password) => {
  const digest = decodeBase64(groups.digest);
  const computed = await hashRaw(password, {
    algorithm: algorithms[groups.type] ?? 2,
    version: groups.version.startsWith("v=19") ? 1 : 0,
    memoryCost: cost.memoryKiB,
    timeCost: cost.passes,
    parallelism: cost.lanes,
    salt: decodeBase64(groups.salt),
    outputLen: digest.length,
  });
  return isEqualDigest(computed, digest);
};

export const argon2Verifiers = {
  argon2: verifyArgon2,
  djangoArgon2: verifyArgon2,
} satisfies Partial<Verifiers>;
