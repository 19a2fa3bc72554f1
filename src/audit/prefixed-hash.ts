import { type BinaryToTextEncoding, hash } from "node:crypto";

/** Where the input of a hash is put together. Longer ones have a buffer of their own. */
const scratch = Buffer.allocUnsafe(64 * 1024);

/** SHA-256 of some bytes with others after them, or with a text in UTF-8. */
export function prefixedHash(prefix: Uint8Array, text: string | Uint8Array, encoding: BinaryToTextEncoding): string {
  // One UTF-16 unit has at most three bytes in UTF-8.
  if (typeof text !== "string" || prefix.length + text.length * 3 > scratch.length)
    return hash("sha256", Buffer.concat([prefix, Buffer.from(text as string)]), encoding);
  scratch.set(prefix);
  const length = prefix.length + scratch.write(text, prefix.length);
  return hash("sha256", scratch.subarray(0, length), encoding);
}
