import { z } from "zod";
import { missingOr } from "./missing.ts";
import { isPasswordHash, noPassword } from "./password-hash.ts";

/** A scheme in front, as LDAP (RFC 3112), Dovecot and Spring Security write it. */
const scheme =
  /^\{(bcrypt|blf-crypt|argon2id?|argon2(?:@SpringSecurity_v5_(?:2|8))?|scrypt(?:@SpringSecurity_v5_8)?|crypt)\}/i;

/** The same hash in the form that is kept: without a scheme in front, and of ASP.NET with one. */
export function asKept(text: string): string {
  const bare = text.replace(scheme, "");
  if (bare !== text) return bare.replace(/^\$(?=[0-9a-f]{5,8}\$)/, "$s0$");
  // Base64 of 0 or 1, and of no other thing that is as long.
  return /^(?:AQAAAA[A-Za-z0-9+/]{50,}|A[A-P][A-Za-z0-9+/]{64})={0,2}$/.test(text) &&
    isPasswordHash(`$aspnet-identity$${text}`)
    ? `$aspnet-identity$${text}`
    : text;
}

/** Forms that are known, and why none of them is taken. */
const refused: readonly (readonly [RegExp, string])[] = [
  [/^(?:\{MD5-CRYPT\})?\$(?:1|apr1)\$/i, "MD5-crypt"],
  [/^(?:\{SHA256-CRYPT\})?\$5\$/i, "SHA-256-crypt"],
  [/^(?:\{SHA512-CRYPT\})?\$6\$/i, "SHA-512-crypt"],
  [/^\$S\$/, "SHA-512 of Drupal 7"],
  [/^[0-9a-f]{32}:/i, "a salted MD5 (Joomla, vBulletin, osCommerce)"],
  [/^\$g?y\$/, "yescrypt"],
  [/^\$sha1\$/, "SHA-1-crypt"],
  [/^\$3\$|^\$md4/, "an NT hash"],
  [
    /^\{S(SHA|MD5)\d*\}|^\{SHA\d*\}|^\{MD5\}|^\{SHA-?\d+\}|^\{CLEARTEXT\}|^\{PLAIN\}|^\{MD4\}/i,
    "a salted or plain hash of LDAP",
  ],
  [/^\{(noop|ldap|sha256|standard)\}/i, "a hash of Spring Security that is none, or too fast"],
  [/^\{pbkdf2[^}]*\}/i, "PBKDF2 without its parameters"],
  [/^(md5|sha1|unsalted_md5|unsalted_sha1|crypt)\$/, "a fast hash of Django"],
  [
    /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i,
    "a fast hash such as MD5 or SHA, without a form",
  ],
  [/^\*[0-9A-F]{40}$/, "a hash of MySQL"],
  [/^SCRAM-SHA-/, "a SCRAM verifier"],
];

const accepted = "must be a hash of argon2, bcrypt, scrypt or PBKDF2, such as $argon2id$v=19$…; never a password";
const remedy = `which sign-in will not verify: give ${noPassword} in its place (no password), and let the owner set a new one`;

/** What keeps a text from being a password hash; undefined: nothing. Says of the text no more than its form. */
function faultOf(text: string): string | undefined {
  if (text === noPassword || isPasswordHash(text)) return undefined;
  if (/^[!*]/.test(text) && !/^\*[0-9A-F]{40}$/.test(text))
    return `must be a hash; of an account without a password, ${noPassword} and nothing behind it`;
  const known = refused.find(([form]) => form.test(text));
  return known === undefined ? accepted : `is ${known[1]}, ${remedy}`;
}

/** A password hash, in the form that is kept, or the sign that there is no password. */
export const passwordHash = z
  .string({ error: missingOr("must be a text") })
  .max(255, { error: "must be at most 255 characters", abort: true })
  .overwrite(asKept)
  .superRefine((text, context) => {
    const message = faultOf(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
