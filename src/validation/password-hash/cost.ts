// Sign-in computes the hash of each attempt. The limits exclude hashes that take more than about a second of a processor, or
// more memory than a server can spare for one attempt.

/** Named groups of a format's pattern. */
export type CostParameters = Readonly<Record<string, string>>;

/** The integer of a text; NaN for no text, which no limit accepts. */
export const parseInteger = (text: string | undefined, base = 10): number => Number.parseInt(text ?? "", base);

const isBetween = (number: number, { min, max }: { min: number; max: number }): boolean =>
  number >= min && number <= max;

/** At most 256 MiB of memory, and at most 1 GiB of memory times passes. */
export const isArgon2Affordable = ({ kib, passes, lanes }: CostParameters): boolean =>
  isBetween(parseInteger(kib), { min: 8, max: 2 ** 18 }) &&
  isBetween(parseInteger(kib) * parseInteger(passes), { min: 8, max: 2 ** 20 }) &&
  isBetween(parseInteger(lanes), { min: 1, max: 64 });

/** The cost is the binary logarithm of the iterations. */
export const isBcryptAffordable = ({ cost }: CostParameters): boolean =>
  isBetween(parseInteger(cost), { min: 4, max: 14 });

/** At most 2^20 blocks of 128 bytes, hence 128 MiB of memory (RFC 7914): the strongest setting that OWASP recommends. */
export const isScryptAffordable = ({ n, r, p }: { n: number; r: number; p: number }): boolean =>
  Number.isInteger(Math.log2(n)) && n >= 2 && r >= 1 && isBetween(n * r * p, { min: 2, max: 2 ** 20 });

/** At most 4,000,000 iterations. */
export const isPbkdf2Affordable = (iterations: number): boolean => isBetween(iterations, { min: 1, max: 4_000_000 });

/** The argument is the binary logarithm of the MD5 iterations. phpass itself accepts 7 to 30. */
export const isPhpassAffordable = (log2Iterations: number): boolean => isBetween(log2Iterations, { min: 7, max: 18 });

/**
 * Whether a base64 text is a hash of ASP.NET Core Identity with an acceptable cost (PasswordHasher.cs).
 *
 * Version 2 is a zero byte and 48 bytes of salt and hash, with PBKDF2-SHA-1 and 1,000 iterations. Version 3 is a one byte,
 * then hash function, iterations and salt length as 4 bytes each, then salt and hash.
 */
export function isAspNetHash(base64 = ""): boolean {
  const bytes = Buffer.from(base64, "base64");
  if (bytes[0] === 0) return bytes.length === 49;
  if (bytes[0] !== 1 || bytes.length < 45) return false;
  const [hashFunction, iterations, saltLength] = [1, 5, 9].map((offset) => bytes.readUInt32BE(offset)) as [
    number,
    number,
    number,
  ];
  return (
    hashFunction <= 2 && isPbkdf2Affordable(iterations) && isBetween(saltLength, { min: 16, max: bytes.length - 29 })
  );
}

const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The number that a text of crypt's base64 digits means; the first digit is the least significant one. */
export const cryptInteger = (text = ""): number =>
  [...text].reduce((sum, digit, place) => sum + crypt64.indexOf(digit) * 64 ** place, 0);
