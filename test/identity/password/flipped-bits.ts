import { parsePasswordHash } from "../../../src/validation/index.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const crypt64 = `./0123456789${letters}${letters.toLowerCase()}`;
const bcrypt64 = `./${letters}${letters.toLowerCase()}0123456789`;
const base64 = `${letters}${letters.toLowerCase()}0123456789+/`;

/** The digits in which a format writes its digest, in the order of their values. */
function digitsOf(format: string): string {
  if (/^werkzeug/.test(format)) return "0123456789abcdef";
  if (/^(phpass|phpBb|cryptScrypt)$/.test(format)) return crypt64;
  return /bcrypt/i.test(format) ? bcrypt64 : base64;
}

/** A hash with one bit of its digest changed: once near the start and once near the end. */
export function flippedBits(hash: string): string[] {
  const parsed = parsePasswordHash(hash);
  if (parsed === undefined) throw new Error(`This is no hash: ${hash}`);
  const groups: Readonly<Record<string, string>> = parsed.groups;
  const digits = digitsOf(parsed.format);
  // The digest ends the bytes of ASP.NET; its first 16 bytes are 22 of the last 24 digits.
  const digest = (groups["digest"] ?? groups["bytes"]?.slice(-22) ?? "").replace(/=+$/, "");
  const start = hash.lastIndexOf(digest);
  // The last digit of base64 can have bits that mean nothing.
  return [start, start + digest.length - 3].map((at) => {
    const digit = hash.charAt(at).replace("-", "+").replace("_", "/");
    const value = digits.indexOf(digits === base64 && digit === "." ? "+" : digit);
    return hash.slice(0, at) + digits.charAt(value ^ 1) + hash.slice(at + 1);
  });
}
