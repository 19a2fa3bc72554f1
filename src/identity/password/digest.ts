import { timingSafeEqual } from "node:crypto";
import { cryptInteger } from "../../validation/index.ts";

/** Compares digests in a time that does not depend on their bytes (OWASP ASVS 5.0, 11.2.4). */
export const isEqualDigest = (computed: Uint8Array, stored: Uint8Array): boolean =>
  computed.length === stored.length && timingSafeEqual(computed, stored);

/** Decodes base64 of the standard alphabet, that of URLs and that of passlib, which writes `.` for `+`. */
export const decodeBase64 = (text: string): Buffer => Buffer.from(text.replaceAll(".", "+"), "base64");

/** Decodes the base64 of crypt(3) and phpass: 4 digits are 3 bytes, the lowest bits first. */
export const decodeCryptBase64 = (text: string): Buffer =>
  Buffer.concat(
    (text.match(/.{1,4}/g) ?? []).map((digits) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(cryptInteger(digits));
      return bytes.subarray(0, (digits.length * 6) >> 3);
    }),
  );
