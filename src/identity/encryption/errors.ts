import { OperatorError } from "../../errors.ts";

/** A ciphertext, or rows of the database, need a key that the configuration does not have. */
export class MissingEncryptionKeyError extends OperatorError {
  readonly keyIds: readonly string[];

  constructor(keyIds: readonly string[]) {
    super(
      `The database has secrets that are encrypted with keys which ENCRYPTION_KEYS does not have: ${keyIds.join(", ")}. ` +
        "Add these keys behind the newest one; remove a key only after `aeturnis-data keys rotate`.",
    );
    this.keyIds = keyIds;
  }
}

/** A ciphertext was altered, was moved from another place, or is encrypted with another key of the same id. */
export class InvalidCiphertextError extends OperatorError {}
