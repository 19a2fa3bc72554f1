import { createHash, createHmac } from "node:crypto";
import { hash } from "@node-rs/bcrypt";
import { isEqualDigest } from "./digest.ts";
import type { Verifiers } from "./verifier.ts";
import { wordPressForms } from "./web-forms.ts";

/** A bcrypt hash: the binary logarithm of the rounds, and salt and digest in bcrypt's base64. */
interface BcryptHash {
  readonly cost: number;
  readonly groups: { readonly salt: string; readonly digest: string };
}

const bcrypt64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const standard64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const decode = (text: string): Buffer =>
  Buffer.from(
    text.replace(/./g, (digit) => standard64.charAt(bcrypt64.indexOf(digit))),
    "base64",
  );

/** bcrypt reads 72 bytes of the password, repeated with a zero byte after each repetition. */
const keyLength = 72;

/**
 * bcrypt of the first 72 bytes, as the other systems computed it. `hash` and not `verify` of the package: salts of some
 * systems have bits in their last character that do not belong to the salt. The variants `a`, `b` and `y` have equal digests
 * for passwords in UTF-8.
 */
async function verifyBcrypt({ cost, groups }: BcryptHash, password: string | Buffer): Promise<boolean> {
  const computed = await hash(password, cost, decode(groups.salt));
  return isEqualDigest(decode(computed.slice(-31)), decode(groups.digest));
}

/**
 * The key that crypt_blowfish before 1.1 made of a password, whose hashes are marked `$2x$`: it extended the sign of each
 * byte over the bytes before it in the word (CVE-2011-2483). ASCII is not affected.
 */
function signExtendedKey(password: Buffer): Buffer {
  const repeated = Buffer.concat([password, Buffer.of(0)]);
  const key = Buffer.alloc(keyLength);
  for (let at = 0; at < keyLength; at += 4) {
    let word = 0;
    for (let byte = at; byte < at + 4; byte++) word = (word << 8) | repeated.readInt8(byte % repeated.length);
    key.writeInt32BE(word, at);
  }
  return key;
}

const sha256 = (password: Buffer) => createHash("sha256").update(password);

export const bcryptVerifiers = {
  bcrypt: (parsed, password) =>
    verifyBcrypt(parsed, parsed.groups.variant === "x" ? signExtendedKey(password) : password),
  djangoBcryptSha256: (parsed, password) => verifyBcrypt(parsed, sha256(password).digest("hex")),
  passlibBcryptSha256V1: (parsed, password) => verifyBcrypt(parsed, sha256(password).digest("base64")),
  passlibBcryptSha256V2: (parsed, password) =>
    verifyBcrypt(parsed, createHmac("sha256", parsed.groups.salt).update(password).digest("base64")),
  wordPressBcrypt: async (parsed, password) => {
    for (const form of wordPressForms(password)) {
      const key = createHmac("sha384", "wp-sha384").update(form).digest("base64");
      if (await verifyBcrypt(parsed, key)) return true;
    }
    return false;
  },
} satisfies Partial<Verifiers>;
