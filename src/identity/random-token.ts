import { createHash, randomBytes } from "node:crypto";

/** A new token of 256 random bits. Nobody can guess it, so a fast hash of it is stored (NIST SP 800-63B-4, 3.1.2.2). */
export const createRandomToken = (): string => randomBytes(32).toString("base64url");

/** SHA-256 of a text in hexadecimal digits. */
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
