import { encryptionKeyEntry, encryptionKeyId } from "../../config/index.ts";
import { createEncryptionKey } from "../../identity/index.ts";
import { UsageError } from "../failure.ts";

/** `aeturnis-data keys generate`: prints an entry and nothing else, for use in `$(…)`. @throws {UsageError} for an invalid id */
export function keysGenerate({ id = new Date().toISOString().slice(0, 10) }: { readonly id?: string }): void {
  if (!encryptionKeyId.test(id)) throw new UsageError("--id must be 1 to 16 characters of a-z, 0-9, _ and -");
  console.log(encryptionKeyEntry(createEncryptionKey(id)));
}
