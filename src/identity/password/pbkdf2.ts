import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { type ParsedHash, parseAspNetIdentity } from "../../validation/index.ts";
import { decodeBase64, isEqualDigest } from "./digest.ts";
import type { Verifier, Verifiers } from "./verifier.ts";

const deriveKey = promisify(pbkdf2);

type Cost = Pick<ParsedHash<"pbkdf2">["cost"], "prf" | "iterations">;

async function verifyPbkdf2(
  password: Buffer,
  { cost: { prf, iterations }, salt, digest }: { cost: Cost; salt: string | Buffer; digest: Buffer },
): Promise<boolean> {
  return isEqualDigest(await deriveKey(password, salt, iterations, digest.length, prf), digest);
}

const verifyBase64: Verifier<"pbkdf2" | "ctaPbkdf2"> = ({ groups, cost }, password) =>
  verifyPbkdf2(password, { cost, salt: decodeBase64(groups.salt), digest: decodeBase64(groups.digest) });

/** The salt is hashed as the text that it is. */
const verifyTextSalt: Verifier<"dlitzPbkdf2" | "djangoPbkdf2"> = ({ groups, cost }, password) =>
  verifyPbkdf2(password, { cost, salt: groups.salt, digest: decodeBase64(groups.digest) });

export const pbkdf2Verifiers = {
  pbkdf2: verifyBase64,
  ctaPbkdf2: verifyBase64,
  dlitzPbkdf2: verifyTextSalt,
  djangoPbkdf2: verifyTextSalt,
  werkzeugPbkdf2: ({ groups, cost }, password) =>
    verifyPbkdf2(password, { cost, salt: groups.salt, digest: Buffer.from(groups.digest, "hex") }),
  aspNetIdentity: async ({ groups, cost }, password) => {
    const hash = parseAspNetIdentity(groups.bytes);
    return hash !== undefined && verifyPbkdf2(password, { ...hash, cost });
  },
} satisfies Partial<Verifiers>;
