import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  type Config,
  ConfigError,
  type EncryptionKey,
  encryptionKeyEntry,
  keepSecret,
  parseEncryptionKeys,
} from "../../config/index.ts";

/** A new key of 256 random bits. */
export const createEncryptionKey = (id: string): EncryptionKey => ({ id, bytes: new Uint8Array(randomBytes(32)) });

/**
 * Returns the keys that encrypt secrets in the database, newest first: `ENCRYPTION_KEYS`, or outside of production a
 * generated one, which the data folder stores in the same form.
 *
 * @throws {ConfigError} if the file of the generated key is damaged: another key would not decrypt what it encrypted
 */
export function configuredKeys(config: Pick<Config, "encryptionKeys" | "dataDirectory">): readonly EncryptionKey[] {
  if (config.encryptionKeys !== undefined) return config.encryptionKeys;
  const file = join(config.dataDirectory, "encryption-keys");
  const { secret } = keepSecret(file, () => encryptionKeyEntry(createEncryptionKey("generated")));
  const { keys, faults } = parseEncryptionKeys(secret);
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${file} ${fault}`));
  return keys;
}
