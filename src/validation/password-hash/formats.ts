import {
  type CostParameters,
  cryptInteger,
  isArgon2Affordable,
  isAspNetHash,
  isBcryptAffordable,
  isPbkdf2Affordable,
  isPhpassAffordable,
  isScryptAffordable,
  parseInteger,
} from "./cost.ts";

/** A text format of password hashes. Its pattern's named groups are the cost of the hash. */
interface HashFormat {
  readonly pattern: RegExp;
  readonly isAffordable: (cost: CostParameters) => boolean;
}

/** A hash function, its text formats, and its costs that are not accepted, for messages. */
interface HashAlgorithm {
  readonly formats: readonly HashFormat[];
  readonly rejectedCost: string;
}

/** Salt and hash in base64: the standard alphabet, that of URLs or that of crypt, with padding or without. */
const salt = String.raw`[\w+/.=-]{8,}`;
const digest = String.raw`[\w+/.=-]{16,}`;
const anyBase64 = String.raw`[\w+/.=-]+`;
/** Django and Werkzeug use any text without a dollar sign as the salt. */
const plainSalt = String.raw`[^$\s]{4,}`;
/** 22 characters of salt and 31 of hash, in bcrypt's own alphabet. */
const bcryptDigest = "[./A-Za-z0-9]{53}";

const argon2 = String.raw`\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m=(?<kib>\d+),t=(?<passes>\d+),p=(?<lanes>\d+)\$${salt}\$${digest}`;
const bcrypt = String.raw`\$2[abxy]\$(?<cost>\d\d)\$${bcryptDigest}`;

const withIterations = ({ iterations }: CostParameters) => isPbkdf2Affordable(parseInteger(iterations));
const withScryptN = ({ n, r, p }: CostParameters) =>
  isScryptAffordable({ n: parseInteger(n), r: parseInteger(r), p: parseInteger(p) });
const withScryptLog2N = ({ ln, r, p }: CostParameters) =>
  isScryptAffordable({ n: 2 ** parseInteger(ln), r: parseInteger(r), p: parseInteger(p) });

const argon2Formats: readonly HashFormat[] = [
  // PHC; Django puts "argon2" in front.
  { pattern: RegExp(`^(?:argon2)?${argon2}$`), isAffordable: isArgon2Affordable },
];

const bcryptFormats: readonly HashFormat[] = [
  // crypt; Django puts its algorithm in front. `bcrypt_sha256` is bcrypt of the SHA-256 of the password.
  { pattern: RegExp(`^(?:bcrypt(?:_sha256)?\\$)?${bcrypt}$`), isAffordable: isBcryptAffordable },
  // passlib's bcrypt_sha256: version 2 with HMAC, version 1 without.
  {
    pattern: /^\$bcrypt-sha256\$v=2,t=2[aby],r=(?<cost>\d\d?)\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$/,
    isAffordable: isBcryptAffordable,
  },
  {
    pattern: /^\$bcrypt-sha256\$2[aby],(?<cost>\d\d?)\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$/,
    isAffordable: isBcryptAffordable,
  },
  // WordPress since 6.8: bcrypt of an HMAC of the password.
  { pattern: RegExp(`^\\$wp\\$2y\\$(?<cost>\\d\\d)\\$${bcryptDigest}$`), isAffordable: isBcryptAffordable },
];

const scryptFormats: readonly HashFormat[] = [
  // PHC and passlib.
  {
    pattern: RegExp(`^\\$scrypt\\$ln=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+)\\$${salt}\\$${digest}$`),
    isAffordable: withScryptLog2N,
  },
  // crypt: one digit of log2(n), five of r, five of p.
  {
    pattern: /^\$7\$(?<ln>[./\w])(?<r>[./\w]{5})(?<p>[./\w]{5})[./\w]{4,86}\$[./\w]{43}$/,
    isAffordable: ({ ln, r, p }) =>
      isScryptAffordable({ n: 2 ** cryptInteger(ln), r: cryptInteger(r), p: cryptInteger(p) }),
  },
  // Java and Spring Security: one hexadecimal number with the bytes log2(n), r and p.
  {
    pattern: RegExp(`^\\$s0\\$(?<ln>[0-9a-f]{1,4})(?<r>[0-9a-f]{2})(?<p>[0-9a-f]{2})\\$${salt}\\$${digest}$`),
    isAffordable: ({ ln, r, p }) =>
      isScryptAffordable({ n: 2 ** parseInteger(ln, 16), r: parseInteger(r, 16), p: parseInteger(p, 16) }),
  },
  // Werkzeug.
  {
    pattern: RegExp(`^scrypt:(?<n>\\d+):(?<r>\\d+):(?<p>\\d+)\\$${plainSalt}\\$[0-9a-f]{32,}$`),
    isAffordable: withScryptN,
  },
  // Django.
  {
    pattern: RegExp(`^scrypt\\$(?<n>\\d+)\\$${plainSalt}\\$(?<r>\\d+)\\$(?<p>\\d+)\\$${digest}$`),
    isAffordable: withScryptN,
  },
  // Firebase's modified scrypt with the parameters of its project, as Ory writes it.
  {
    pattern: RegExp(
      `^\\$firescrypt\\$ln=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+)\\$${salt}\\$${digest}\\$${anyBase64}\\$${digest}$`,
    ),
    isAffordable: withScryptLog2N,
  },
  // The same as Supabase writes it.
  {
    pattern: RegExp(
      `^\\$fbscrypt\\$v=1,n=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+),ss=${anyBase64},sk=${digest}\\$${salt}\\$${digest}$`,
    ),
    isAffordable: withScryptLog2N,
  },
];

const pbkdf2Formats: readonly HashFormat[] = [
  // PHC and passlib.
  {
    pattern: RegExp(
      `^\\$pbkdf2(?:-sha(?:1|224|256|384|512))?\\$(?:i=)?(?<iterations>\\d+)(?:,l=\\d+)?\\$${salt}\\$${digest}$`,
    ),
    isAffordable: withIterations,
  },
  // PBKDF2 of Python's module of that name, with hexadecimal iterations.
  {
    pattern: RegExp(`^\\$p5k2\\$(?<iterations>[0-9a-f]+)\\$${salt}\\$${digest}$`),
    isAffordable: ({ iterations }) => isPbkdf2Affordable(parseInteger(iterations, 16)),
  },
  // Django.
  {
    pattern: RegExp(`^pbkdf2_sha(?:1|256|512)\\$(?<iterations>\\d+)\\$${plainSalt}\\$${digest}$`),
    isAffordable: withIterations,
  },
  // Werkzeug.
  {
    pattern: RegExp(`^pbkdf2:sha(?:1|224|256|384|512):(?<iterations>\\d+)\\$${plainSalt}\\$[0-9a-f]{32,}$`),
    isAffordable: withIterations,
  },
  // ASP.NET Core Identity, versions 2 and 3, with this service's prefix.
  { pattern: /^\$aspnet-identity\$(?<bytes>[A-Za-z0-9+/]+={0,2})$/, isAffordable: ({ bytes }) => isAspNetHash(bytes) },
];

const phpassFormats: readonly HashFormat[] = [
  // phpass and phpBB: one digit of the logarithm of the iterations, 8 of salt, 22 of hash.
  {
    pattern: /^\$[PH]\$(?<log2>[./\w])[./\w]{8}[./\w]{22}$/,
    isAffordable: ({ log2 }) => isPhpassAffordable(cryptInteger(log2)),
  },
];

const algorithms: readonly HashAlgorithm[] = [
  {
    formats: argon2Formats,
    rejectedCost:
      "Argon2 with more than 256 MiB of memory, more than 1 GiB of memory times passes, or more than 64 lanes",
  },
  { formats: bcryptFormats, rejectedCost: "bcrypt with a cost below 4 or above 14" },
  { formats: scryptFormats, rejectedCost: "scrypt with n × r × p above 1,048,576, or n that is no power of 2" },
  { formats: pbkdf2Formats, rejectedCost: "PBKDF2 with no iterations or more than 4,000,000" },
  { formats: phpassFormats, rejectedCost: "phpass with fewer than 2^7 or more than 2^18 iterations" },
];

const allFormats = algorithms.flatMap(({ formats }) => formats);

/**
 * Whether a text is a password hash in an accepted format and with an acceptable cost. The formats are the PHC string
 * format (https://github.com/P-H-C/phc-string-format) and those of crypt, passlib, Django, Werkzeug, WordPress, Firebase
 * and ASP.NET.
 */
export function isPasswordHash(text: string): boolean {
  return allFormats.some(({ pattern, isAffordable }) => {
    const match = pattern.exec(text);
    return match !== null && isAffordable(match.groups ?? {});
  });
}

/**
 * Describes the costs that are not accepted for a text that `isPasswordHash` refuses; undefined if it has no accepted
 * format.
 */
export function rejectedCost(text: string): string | undefined {
  return algorithms.find(({ formats }) => formats.some(({ pattern }) => pattern.test(text)))?.rejectedCost;
}
