import { hash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError } from "../../errors.ts";
import { packageFolder } from "../../package.ts";
import { codePointCount, foldCase } from "./password-text.ts";

/** The list of this package, which `npm run build` writes. */
export const commonPasswordsFile = join(packageFolder, "dist", "common-passwords.bin");

/** Shorter passwords are refused for their length, so the list omits them (code points). */
const minListedLength = 8;

/** Bytes of SHA-256 for each password. Of a million other passwords, 0.4 are taken for one of 480,000 listed ones. */
const keySize = 5;

const keyOf = (folded: string): number => hash("sha256", folded, "buffer").readUIntBE(0, keySize);

/** Encodes a list of passwords as sorted keys without duplicates, without regard to case. */
export function encodeCommonPasswords(passwords: Iterable<string>): Buffer {
  const keys = new Set<number>();
  for (const password of passwords) {
    const folded = foldCase(password);
    if (codePointCount(folded) >= minListedLength) keys.add(keyOf(folded));
  }
  const list = Buffer.alloc(keys.size * keySize);
  for (const [index, key] of Float64Array.from(keys).sort().entries()) list.writeUIntBE(key, index * keySize, keySize);
  return list;
}

/** The package was not built. */
export class MissingPasswordListError extends OperatorError {
  constructor(cause: unknown) {
    super("The list of common passwords, dist/common-passwords.bin, is missing: run `npm run build`.", { cause });
  }
}

/** Whether a password is in a list. */
export type PasswordList = (password: string) => Promise<boolean>;

/**
 * Opens the list of common passwords. It is read when the first password is looked up, and kept in memory (2.4 MB).
 *
 * @throws {MissingPasswordListError}
 */
export async function openCommonPasswords(file = commonPasswordsFile): Promise<PasswordList> {
  await access(file).catch((error: unknown) => {
    throw new MissingPasswordListError(error);
  });
  let list: Promise<Buffer> | undefined;
  return async (password) => {
    list ??= readFile(file);
    return hasKey(await list, keyOf(foldCase(password)));
  };
}

function hasKey(list: Buffer, key: number): boolean {
  let [low, high] = [0, list.length / keySize];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = list.readUIntBE(middle * keySize, keySize);
    if (found === key) return true;
    if (found < key) low = middle + 1;
    else high = middle;
  }
  return false;
}
