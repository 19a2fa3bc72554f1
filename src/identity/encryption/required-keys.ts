import type { Repositories } from "../../repositories/index.ts";
import { MissingEncryptionKeyError } from "./errors.ts";
import type { SecretCipher } from "./secret-cipher.ts";

/**
 * Checks that every secret of the database has its key. One look-up in an index for each key that is in use, however many
 * secrets there are.
 *
 * @throws {MissingEncryptionKeyError}
 */
export async function requireEncryptionKeys(
  encryptedSecrets: Repositories["encryptedSecrets"],
  cipher: Pick<SecretCipher, "hasKey">,
): Promise<void> {
  const missing = (await encryptedSecrets.keyIds()).filter((id) => !cipher.hasKey(id));
  if (missing.length > 0) throw new MissingEncryptionKeyError(missing);
}
