import { randomBytes } from "node:crypto";
import { sha256 } from "../random-token.ts";

/** Codes of one account. */
const codeCount = 10;
/** 24 symbols of 5 bits: 120 random bits. */
const codeLength = 24;
/** Crockford's base32: it has no I, L, O and U, and reads I and L as 1, and O as 0. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const codeText = new RegExp(`^[${alphabet}]{${codeLength}}$`);

/** Recovery codes: look-up secrets of NIST SP 800-63B-4, 3.1.2. Each is shown once and used once. */
export interface RecoveryCodes {
  /** Six groups of four, joined by hyphens. */
  readonly codes: readonly string[];
  /** What the database stores: a fast hash suffices for 112 random bits or more (NIST SP 800-63B-4, 3.1.2.2). */
  readonly hashes: readonly string[];
}

export function createRecoveryCodes(): RecoveryCodes {
  const texts = Array.from({ length: codeCount }, randomCode);
  return { codes: texts.map((text) => text.replace(/.{4}(?=.)/g, "$&-")), hashes: texts.map(sha256) };
}

/** The hash of a code as a player types it, in any case, with or without hyphens and spaces; undefined if it is no code. */
export function hashRecoveryCode(text: string): string | undefined {
  const code = text
    .replace(/[\s\p{Dash}]/gu, "")
    .toUpperCase()
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
  return codeText.test(code) ? sha256(code) : undefined;
}

/** 256 is a multiple of 32, so that every symbol is equally likely. */
const randomCode = (): string => Array.from(randomBytes(codeLength), (byte) => alphabet[byte % 32]).join("");
