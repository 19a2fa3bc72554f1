import { parseAspNetIdentity } from "./aspnet-identity.ts";
import { parseInteger } from "./cost.ts";
import { base64Digest, base64Salt, cryptDigit, hashFormat, hexDigest, textSalt } from "./hash-format.ts";

/** Output of the hash functions in bytes, which is the size of PBKDF2's blocks. */
const blockSizes = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

export interface Pbkdf2Cost {
  /** The hash function of the HMAC, as OpenSSL names it. */
  readonly prf: keyof typeof blockSizes;
  readonly iterations: number;
  /** Each block of the digest takes all iterations (RFC 8018, section 5.2). */
  readonly blocks: number;
}

function pbkdf2Cost(prf: string, { iterations, length }: { iterations: number; length: number }): Pbkdf2Cost {
  // The patterns admit only these names; PHC writes a hyphen in front, and nothing for SHA-1.
  const name = (prf.replace("-", "") || "sha1") as Pbkdf2Cost["prf"];
  return { prf: name, iterations, blocks: Math.ceil(length / blockSizes[name]) };
}

const base64Length = (text: string): number => Buffer.byteLength(text, "base64");

const iterations = "(?<iterations>\\d+)";
const hexIterations = "(?<iterations>[0-9a-f]+)";
const sha1CostOf = ({ iterations }: Readonly<Record<"iterations", string>>): Pbkdf2Cost =>
  pbkdf2Cost("sha1", { iterations: parseInteger(iterations, 16), length: 24 });

export const pbkdf2Formats = {
  /** PHC and passlib. */
  pbkdf2: hashFormat(
    `\\$pbkdf2(?<prf>(?:-sha(?:1|224|256|384|512))?)\\$(?:i=)?${iterations}(?:,l=\\d+)?\\$${base64Salt}\\$${base64Digest}`,
    ({ prf, iterations, digest }) =>
      pbkdf2Cost(prf, { iterations: parseInteger(iterations), length: base64Length(digest) }),
  ),
  /** passlib's `cta_pbkdf2_sha1`: base64 of URLs with padding. */
  ctaPbkdf2: hashFormat(`\\$p5k2\\$${hexIterations}\\$(?<salt>[\\w-]{8,}={0,2})\\$(?<digest>[\\w-]{27}=)`, sha1CostOf),
  /** Python's PBKDF2 by D. Litzenberger, passlib's `dlitz_pbkdf2_sha1`: the salt is all of the text before the digest. */
  dlitzPbkdf2: hashFormat(
    `(?<salt>\\$p5k2\\$${hexIterations}\\$${cryptDigit}{4,})\\$(?<digest>${cryptDigit}{32})`,
    sha1CostOf,
  ),
  djangoPbkdf2: hashFormat(
    `pbkdf2_(?<prf>sha(?:1|256|512))\\$${iterations}\\$${textSalt}\\$${base64Digest}`,
    ({ prf, iterations, digest }) =>
      pbkdf2Cost(prf, { iterations: parseInteger(iterations), length: base64Length(digest) }),
  ),
  werkzeugPbkdf2: hashFormat(
    `pbkdf2:(?<prf>sha(?:1|224|256|384|512)):${iterations}\\$${textSalt}\\$${hexDigest}`,
    ({ prf, iterations, digest }) =>
      pbkdf2Cost(prf, { iterations: parseInteger(iterations), length: digest.length / 2 }),
  ),
  /** ASP.NET Core Identity, versions 2 and 3, with this service's prefix. */
  aspNetIdentity: hashFormat("\\$aspnet-identity\\$(?<bytes>[A-Za-z0-9+/]+={0,2})", ({ bytes }) => {
    const hash = parseAspNetIdentity(bytes);
    return pbkdf2Cost(hash?.prf ?? "sha1", { iterations: hash?.iterations ?? 0, length: hash?.digest.length ?? 0 });
  }),
};
