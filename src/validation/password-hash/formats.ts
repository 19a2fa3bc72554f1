import { argon2Formats } from "./argon2-formats.ts";
import { bcryptFormats } from "./bcrypt-formats.ts";
import {
  isArgon2Affordable,
  isBcryptAffordable,
  isPbkdf2Affordable,
  isPhpassAffordable,
  isScryptAffordable,
} from "./cost.ts";
import type { HashFormat } from "./hash-format.ts";
import { pbkdf2Formats } from "./pbkdf2-formats.ts";
import { phpassFormats } from "./phpass-formats.ts";
import { scryptFormats } from "./scrypt-formats.ts";

type Formats = typeof argon2Formats &
  typeof bcryptFormats &
  typeof scryptFormats &
  typeof pbkdf2Formats &
  typeof phpassFormats;

export type HashFormatName = keyof Formats;

/** A password hash with the name of its format, its cost, and the named groups of the format's pattern. */
export type ParsedHash<Name extends HashFormatName = HashFormatName> = {
  readonly [Format in Name]: Formats[Format] extends HashFormat<infer Group, infer Cost>
    ? { readonly format: Format; readonly cost: Cost; readonly groups: Readonly<Record<Group, string>> }
    : never;
}[Name];

/** A hash function, its text formats, and its costs that are not accepted, for messages. */
interface HashAlgorithm {
  readonly formatNames: readonly string[];
  /** The hash, and whether its cost is accepted; undefined for a text in another format. */
  readonly parse: (text: string) => { readonly hash: ParsedHash; readonly isAffordable: boolean } | undefined;
  readonly rejectedCost: string;
}

function hashAlgorithm<Cost>(
  formats: Readonly<Record<string, HashFormat<never, Cost>>>,
  { isAffordable, rejectedCost }: { isAffordable: (cost: Cost) => boolean; rejectedCost: string },
): HashAlgorithm {
  const parse: HashAlgorithm["parse"] = (text) => {
    for (const [format, { parse }] of Object.entries(formats)) {
      const parts = parse(text);
      // The formats are those of ParsedHash: the compiler does not follow the names through Object.entries.
      if (parts !== undefined)
        return { hash: { format, ...parts } as unknown as ParsedHash, isAffordable: isAffordable(parts.cost) };
    }
    return undefined;
  };
  return { formatNames: Object.keys(formats), parse, rejectedCost };
}

const algorithms: readonly HashAlgorithm[] = [
  hashAlgorithm(argon2Formats, {
    isAffordable: isArgon2Affordable,
    rejectedCost:
      "Argon2 with more than 256 MiB of memory, less than 8 KiB for each lane, more than 1 GiB of memory times passes, or more than 64 lanes",
  }),
  hashAlgorithm(bcryptFormats, {
    isAffordable: isBcryptAffordable,
    rejectedCost: "bcrypt with a cost below 4 or above 14",
  }),
  hashAlgorithm(scryptFormats, {
    isAffordable: isScryptAffordable,
    rejectedCost: "scrypt with n × r × p above 1,048,576, or n that is no power of 2 or not below 2^(16 × r)",
  }),
  hashAlgorithm(pbkdf2Formats, {
    isAffordable: isPbkdf2Affordable,
    rejectedCost: "PBKDF2 with no iterations or more than 4,000,000, or with too many for the length of its digest",
  }),
  hashAlgorithm(phpassFormats, {
    isAffordable: isPhpassAffordable,
    rejectedCost: "phpass with fewer than 2^7 or more than 2^18 iterations",
  }),
];

/** The names of all formats. */
export const hashFormatNames: readonly string[] = algorithms.flatMap(({ formatNames }) => formatNames);

/** The patterns exclude each other, so that a text has at most one format. */
function find(text: string) {
  for (const { parse, rejectedCost } of algorithms) {
    const found = parse(text);
    if (found !== undefined) return { ...found, rejectedCost };
  }
  return undefined;
}

/**
 * Parses a password hash; undefined for a text in no accepted format, and for a cost that is not accepted. The formats are
 * the PHC string format (https://github.com/P-H-C/phc-string-format) and those of crypt, passlib, Django, Werkzeug,
 * WordPress, Firebase and ASP.NET.
 */
export function parsePasswordHash(text: string): ParsedHash | undefined {
  const found = find(text);
  return found?.isAffordable ? found.hash : undefined;
}

/** Whether a text is a password hash in an accepted format and with an acceptable cost. */
export const isPasswordHash = (text: string): boolean => parsePasswordHash(text) !== undefined;

/**
 * Describes the costs that are not accepted for a text that `isPasswordHash` refuses; undefined if it has no accepted
 * format.
 */
export const rejectedCost = (text: string): string | undefined => find(text)?.rejectedCost;
