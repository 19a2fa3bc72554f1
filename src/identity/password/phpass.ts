import { hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { ParsedHash } from "../../validation/index.ts";
import { decodeCryptBase64, isEqualDigest } from "./digest.ts";
import type { Verifiers } from "./verifier.ts";
import { phpBbForms, wordPressForms } from "./web-forms.ts";

/**
 * MD5 has no asynchronous function in Node, so that the iterations take turns with other work. A worker would have to be
 * started for hashes that the first sign-in replaces. 1,000 iterations take 1 to 2 ms.
 */
const iterationsPerTurn = 1_000;

/** The MD5 of the salt and the password, then 2^log2 times the MD5 of the previous digest and the password. */
async function phpassDigest(password: Buffer, { salt, log2 }: { salt: string; log2: number }): Promise<Buffer> {
  const first = hash("md5", Buffer.concat([Buffer.from(salt), password]), "buffer");
  const message = Buffer.concat([first, password]);
  for (let iteration = 1; iteration <= 2 ** log2; iteration++) {
    message.set(hash("md5", message, "buffer"));
    if (iteration % iterationsPerTurn === 0) await setImmediate();
  }
  return message.subarray(0, first.length);
}

async function verifyForms(
  { groups, cost }: ParsedHash<"phpass" | "phpBb">,
  forms: readonly Buffer[],
): Promise<boolean> {
  const digest = decodeCryptBase64(groups.digest);
  for (const form of forms)
    if (isEqualDigest(await phpassDigest(form, { salt: groups.salt, log2: cost }), digest)) return true;
  return false;
}

export const phpassVerifiers = {
  phpass: (parsed, password) => verifyForms(parsed, wordPressForms(password)),
  phpBb: (parsed, password) => verifyForms(parsed, phpBbForms(password)),
} satisfies Partial<Verifiers>;
