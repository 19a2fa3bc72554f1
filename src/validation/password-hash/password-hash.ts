import { z } from "zod";
import { missingOr } from "../missing.ts";
import { isPasswordHash, rejectedCost } from "./formats.ts";
import { rejectedFormat } from "./rejected-formats.ts";

/** The stored hash of an account without a password. No password has this hash; shadow(5) and Django use the same mark. */
export const noPassword = "!";

/** Validates a password hash, or `!` for no password, and normalizes it. Messages never contain the hash. */
export const passwordHash = z
  .string({ error: missingOr("must be a text") })
  .max(255, { error: "must be at most 255 characters", abort: true })
  .overwrite(normalized)
  .superRefine((text, context) => {
    const message = messageFor(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

/** Scheme in front of a hash, as LDAP (RFC 3112), Dovecot and Spring Security write it. */
const schemePrefix =
  /^\{(bcrypt|blf-crypt|argon2id?|argon2(?:@SpringSecurity_v5_(?:2|8))?|scrypt(?:@SpringSecurity_v5_8)?|crypt)\}/i;

/** Base64 whose first byte is the version of ASP.NET Core Identity, 0 or 1, at the length of such a hash. */
const aspNetBase64 = /^(?:AQAAAA[A-Za-z0-9+/]{50,}|A[A-P][A-Za-z0-9+/]{64})={0,2}$/;

/** The stored form of a hash: without a scheme in front, and with `$aspnet-identity$` in front of a hash of ASP.NET. */
function normalized(text: string): string {
  const bare = text.replace(schemePrefix, "");
  // Spring Security omits the identifier `s0` of Java's scrypt format.
  if (bare !== text) return bare.replace(/^\$(?=[0-9a-f]{5,8}\$)/, "$s0$");
  const aspNet = `$aspnet-identity$${text}`;
  return aspNetBase64.test(text) && isPasswordHash(aspNet) ? aspNet : text;
}

/** Why a text is not accepted; undefined if it is. */
function messageFor(text: string): string | undefined {
  if (text === noPassword || isPasswordHash(text)) return undefined;
  if (/^[!*]/.test(text) && !/^\*[0-9A-F]{40}$/.test(text))
    return `must be a hash, or exactly ${noPassword} for an account without a password`;
  const rejected = rejectedCost(text) ?? rejectedFormat(text);
  return rejected === undefined
    ? "must be a hash of Argon2, bcrypt, scrypt or PBKDF2, such as $argon2id$v=19$…; never a password"
    : `is ${rejected}, which sign-in does not verify: use ${noPassword} in its place (no password), and let the owner set a new one`;
}
