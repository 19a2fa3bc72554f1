// Sign-in computes the hash of each attempt. The limits exclude hashes that take more than about a second of a processor, or
// more memory than a server can spare for one attempt.

import type { Argon2Cost } from "./argon2-formats.ts";
import type { Pbkdf2Cost } from "./pbkdf2-formats.ts";
import type { ScryptCost } from "./scrypt-formats.ts";

/** The integer of a text in decimal, or in another base. */
export const parseInteger = (text: string, base = 10): number => Number.parseInt(text, base);

const isBetween = (number: number, { min, max }: { min: number; max: number }): boolean =>
  number >= min && number <= max;

/** At most 256 MiB of memory, and at most 1 GiB of memory times passes; 8 KiB or more for each lane (RFC 9106, 3.1). */
export const isArgon2Affordable = ({ memoryKiB, passes, lanes }: Argon2Cost): boolean =>
  isBetween(lanes, { min: 1, max: 64 }) &&
  isBetween(memoryKiB, { min: 8 * lanes, max: 2 ** 18 }) &&
  isBetween(memoryKiB * passes, { min: 8, max: 2 ** 20 });

/** The cost is the binary logarithm of the iterations. */
export const isBcryptAffordable = (cost: number): boolean => isBetween(cost, { min: 4, max: 14 });

/**
 * At most 2^20 blocks of 128 bytes, hence 128 MiB of memory: the strongest setting that OWASP recommends. n is a power of 2
 * below 2^(16 r) (RFC 7914, section 2).
 */
export const isScryptAffordable = ({ n, r, p }: ScryptCost): boolean =>
  Number.isInteger(Math.log2(n)) && n >= 2 && n < 2 ** (16 * r) && isBetween(n * r * p, { min: 2, max: 2 ** 20 });

/**
 * At most 4,000,000 iterations, and as many for all blocks of the digest together. SHA-1 takes half of the time of SHA-2 and
 * may have twice as many: Keycloak's hashes have 1,300,000 for each of four blocks.
 */
export const isPbkdf2Affordable = ({ prf, iterations, blocks }: Pbkdf2Cost): boolean =>
  isBetween(iterations, { min: 1, max: 4_000_000 }) &&
  isBetween(iterations * blocks, { min: 1, max: prf === "sha1" ? 8_000_000 : 4_000_000 });

/** The argument is the binary logarithm of the MD5 iterations. phpass itself accepts 7 to 30. */
export const isPhpassAffordable = (log2Iterations: number): boolean => isBetween(log2Iterations, { min: 7, max: 18 });

const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The number that a text of crypt's base64 digits means; the first digit is the least significant one. */
export const cryptInteger = (text: string): number =>
  [...text].reduce((sum, digit, place) => sum + crypt64.indexOf(digit) * 64 ** place, 0);
