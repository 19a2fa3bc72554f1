import { systemActor } from "../../database/index.ts";
import {
  type EncryptedSecret,
  type Reencryption,
  type Repositories,
  type SecretColumn,
  secretPlace,
} from "../../repositories/index.ts";
import { InvalidCiphertextError, MissingEncryptionKeyError } from "./errors.ts";
import type { SecretCipher } from "./secret-cipher.ts";

/**
 * The actor of a rotation. The trail records it like every change of a secret: a trigger cannot tell a secret that is
 * encrypted anew from another secret, and an unrecorded column would let a second factor be exchanged without a trace.
 */
const rotation = systemActor("keys");

/** Secrets of one statement. A small number keeps its row locks short. */
const batchSize = 1_000;

/** The result of a rotation. */
export interface KeyRotation {
  /** The id of the newest key. */
  readonly keyId: string;
  /** Secrets that are now encrypted with it. */
  readonly reencrypted: number;
  /** Secrets that another transaction changed meanwhile. Another rotation looks at them again. */
  readonly changed: number;
  /** Accounts whose secret does not decrypt. */
  readonly invalid: readonly string[];
  /** Ids of keys that secrets need, and that the configuration does not have. */
  readonly missingKeyIds: readonly string[];
  /** Whether the signal ended it before all secrets were read. */
  readonly isStopped: boolean;
}

/**
 * Encrypts the secrets of older keys with the newest one, in batches of 1,000, beside running services. A batch is
 * committed as a whole, so that an interrupted rotation continues with the next call.
 *
 * @param options.onProgress called after each batch with the number of secrets so far
 * @param options.signal ends the rotation after the present batch
 */
export async function rotateKeys(
  { encryptedSecrets, secondFactors }: Pick<Repositories, "encryptedSecrets" | "secondFactors">,
  cipher: SecretCipher,
  options: { onProgress?: (reencrypted: number) => void; signal?: AbortSignal } = {},
): Promise<KeyRotation> {
  const { currentKeyId: keyId } = cipher;
  const total = { reencrypted: 0, changed: 0, invalid: new Set<string>(), missingKeyIds: new Set<string>() };

  const rotate = async (column: SecretColumn, selection: { keyId: string } | { exceptKeyId: string }) => {
    for (let after: string | undefined; ; ) {
      if (options.signal?.aborted) return;
      const secrets = await encryptedSecrets.read(column, { ...selection, after, limit: batchSize });
      after = secrets.at(-1)?.userId;
      const reencryptions = secrets.flatMap((secret) => reencrypt(secret, column) ?? []);
      const replaced = await encryptedSecrets.replace(rotation, column, reencryptions);
      total.reencrypted += replaced;
      total.changed += reencryptions.length - replaced;
      if (secrets.length > 0) options.onProgress?.(total.reencrypted);
      if (secrets.length < batchSize) return;
    }
  };

  const reencrypt = ({ userId, text }: EncryptedSecret, column: SecretColumn): Reencryption | undefined => {
    const place = secretPlace(column, userId);
    try {
      return { userId, text, replacement: cipher.encrypt(cipher.decrypt(text, place), place) };
    } catch (error) {
      if (error instanceof MissingEncryptionKeyError) for (const id of error.keyIds) total.missingKeyIds.add(id);
      else if (error instanceof InvalidCiphertextError) total.invalid.add(userId);
      else throw error;
      return undefined;
    }
  };

  // The secrets of expired enrolments are not needed under any key.
  let expired = Number.POSITIVE_INFINITY;
  while (expired > 0 && !options.signal?.aborted) expired = await secondFactors.endExpiredEnrolments(rotation);
  await rotate("enrolment", { exceptKeyId: keyId });
  for (const older of await encryptedSecrets.keyIds()) {
    if (older === keyId) continue;
    if (cipher.hasKey(older)) await rotate("factor", { keyId: older });
    else total.missingKeyIds.add(older);
  }
  const isStopped = options.signal?.aborted ?? false;
  return { ...total, keyId, invalid: [...total.invalid], missingKeyIds: [...total.missingKeyIds], isStopped };
}
