import { parseInteger } from "./cost.ts";
import { hashFormat } from "./hash-format.ts";

/** The binary logarithm of the rounds. */
const costOf = ({ cost }: Readonly<Record<"cost", string>>): number => parseInteger(cost);

/** 22 characters of salt and 31 of digest, in bcrypt's own base64. */
const salt = "(?<salt>[./A-Za-z0-9]{22})";
const digest = "(?<digest>[./A-Za-z0-9]{31})";

export const bcryptFormats = {
  /** crypt. Django puts `bcrypt$` in front. */
  bcrypt: hashFormat(`(?:bcrypt\\$)?\\$2(?<variant>[abxy])\\$(?<cost>\\d\\d)\\$${salt}${digest}`, costOf),
  /** bcrypt of the hexadecimal SHA-256 of the password. */
  djangoBcryptSha256: hashFormat(`bcrypt_sha256\\$\\$2[aby]\\$(?<cost>\\d\\d)\\$${salt}${digest}`, costOf),
  /** bcrypt of an HMAC-SHA-256 of the password, keyed with the salt. */
  passlibBcryptSha256V2: hashFormat(`\\$bcrypt-sha256\\$v=2,t=2[aby],r=(?<cost>\\d\\d?)\\$${salt}\\$${digest}`, costOf),
  /** bcrypt of the SHA-256 of the password, before passlib 1.7.3. */
  passlibBcryptSha256V1: hashFormat(`\\$bcrypt-sha256\\$2[aby],(?<cost>\\d\\d?)\\$${salt}\\$${digest}`, costOf),
  /** bcrypt of an HMAC-SHA-384 of the password, since WordPress 6.8. */
  wordPressBcrypt: hashFormat(`\\$wp\\$2y\\$(?<cost>\\d\\d)\\$${salt}${digest}`, costOf),
};
