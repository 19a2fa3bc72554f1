/** Parts of a hash of ASP.NET Core Identity. */
export interface AspNetIdentityHash {
  readonly prf: "sha1" | "sha256" | "sha512";
  readonly iterations: number;
  readonly salt: Buffer;
  readonly digest: Buffer;
}

const prfs = ["sha1", "sha256", "sha512"] as const;
/** Version 3: the version, then PRF, iterations and length of the salt with 4 bytes each, the first byte highest. */
const headerLength = 13;

/**
 * Parses a hash of ASP.NET Core Identity from base64; undefined if it is malformed (PasswordHasher.cs).
 *
 * Version 2 is a zero byte, 16 bytes of salt and 32 of digest, with PBKDF2-SHA-1 and 1,000 iterations. Version 3 is a
 * header, then salt and digest of at least 16 bytes each.
 */
export function parseAspNetIdentity(base64: string): AspNetIdentityHash | undefined {
  const bytes = Buffer.from(base64, "base64");
  if (bytes[0] === 0 && bytes.length === 49)
    return { prf: "sha1", iterations: 1_000, salt: bytes.subarray(1, 17), digest: bytes.subarray(17) };
  if (bytes[0] !== 1 || bytes.length < headerLength) return undefined;
  const prf = prfs[bytes.readUInt32BE(1)];
  const digestAt = headerLength + bytes.readUInt32BE(9);
  const salt = bytes.subarray(headerLength, digestAt);
  const digest = bytes.subarray(digestAt);
  if (prf === undefined || salt.length < 16 || digest.length < 16) return undefined;
  return { prf, iterations: bytes.readUInt32BE(5), salt, digest };
}
