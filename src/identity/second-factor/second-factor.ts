import type { Actor } from "../../database/index.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../errors.ts";
import { type Repositories, secretPlace } from "../../repositories/index.ts";
import type { SecretCipher } from "../encryption/secret-cipher.ts";
import { createRecoveryCodes, hashRecoveryCode } from "./recovery-codes.ts";
import { createTotpSecret, matchingStep, otpauthUri, totpSecretText } from "./totp.ts";

/** The name of the game in an authenticator. */
const issuer = "Aeturnis Online";

/** What a player needs to set up an authenticator. It is shown once. */
export interface Enrolment {
  /** For a QR code. */
  readonly otpauthUri: string;
  /** The secret in base32, to type it in. */
  readonly secret: string;
}

/**
 * The second factor of accounts: one-time codes (TOTP, RFC 6238) and recovery codes. The caller limits the attempts: a
 * code of 6 digits can be guessed (NIST SP 800-63B-4, 3.2.2).
 *
 * @param services.now the clock of one-time codes (ms since 1970)
 */
export function createSecondFactor({
  secondFactors,
  cipher,
  now = Date.now,
}: Pick<Repositories, "secondFactors"> & { cipher: SecretCipher; now?: () => number }) {
  /** Confirms the pending enrolment once. @returns undefined if it changed meanwhile */
  const confirmOnce = async (by: Actor, userId: string, code: string): Promise<readonly string[] | undefined> => {
    const pendingSecret = await secondFactors.findPendingSecret(userId);
    if (pendingSecret === undefined) throw new ConflictError(noEnrolment);
    const secret = cipher.decrypt(pendingSecret, secretPlace("enrolment", userId));
    const step = matchingStep(secret, code, { now: now() });
    if (step === undefined) throw new InvalidInputError(wrongCode, { field: "code" });
    const { codes, hashes } = createRecoveryCodes();
    const confirmed = await secondFactors.confirmEnrolment(by, userId, {
      pendingSecret,
      secret: cipher.encrypt(secret, secretPlace("factor", userId)),
      step,
      recoveryCodes: hashes,
    });
    return confirmed ? codes : undefined;
  };

  return {
    /**
     * Begins an enrolment, which a code must confirm within 10 minutes. A present factor remains until then.
     *
     * @param account names the account in the authenticator, such as the username
     * @throws {NotFoundError} for an unknown account
     */
    beginEnrolment: async (by: Actor, userId: string, account: string): Promise<Enrolment> => {
      const secret = createTotpSecret();
      const begun = await secondFactors.beginEnrolment(
        by,
        userId,
        cipher.encrypt(secret, secretPlace("enrolment", userId)),
      );
      if (!begun) throw new NotFoundError("There is no such user.");
      return { otpauthUri: otpauthUri({ secret, account, issuer }), secret: totpSecretText(secret) };
    },

    /**
     * Makes the enrolled secret the account's second factor, in place of an earlier one.
     *
     * @returns new recovery codes, which are shown once
     * @throws {ConflictError} if no enrolment is pending
     * @throws {InvalidInputError} for a wrong code; the enrolment remains pending
     */
    confirmEnrolment: async (by: Actor, userId: string, code: string): Promise<readonly string[]> => {
      // A rotation of the keys may replace the pending ciphertext between the look-up and the change.
      const codes = (await confirmOnce(by, userId, code)) ?? (await confirmOnce(by, userId, code));
      if (codes === undefined) throw new ConflictError(noEnrolment);
      return codes;
    },

    /** Takes a one-time code. @returns whether it is right and its time step was not taken before */
    takeCode: async (userId: string, code: string): Promise<boolean> => {
      const factor = await secondFactors.findTotp(userId);
      if (factor === undefined) return false;
      const secret = cipher.decrypt(factor.secret, secretPlace("factor", userId));
      const step = matchingStep(secret, code, { now: now(), after: factor.lastStep ?? undefined });
      return step !== undefined && secondFactors.takeStep(userId, step);
    },

    /** Takes a recovery code. @returns the number that is left; undefined if the account does not have this code */
    takeRecoveryCode: async (by: Actor, userId: string, code: string): Promise<number | undefined> => {
      const hash = hashRecoveryCode(code);
      return hash === undefined ? undefined : secondFactors.takeRecoveryCode(by, userId, hash);
    },

    /** Replaces the recovery codes. @returns the new ones, which are shown once @throws {ConflictError} without a factor */
    renewRecoveryCodes: async (by: Actor, userId: string): Promise<readonly string[]> => {
      const { codes, hashes } = createRecoveryCodes();
      if (!(await secondFactors.replaceRecoveryCodes(by, userId, hashes))) throw new ConflictError(noFactor);
      return codes;
    },

    /** @throws {ConflictError} without a factor */
    require: async (userId: string): Promise<void> => {
      if ((await secondFactors.countRecoveryCodes(userId)) === undefined) throw new ConflictError(noFactor);
    },

    /** Removes the second factor with its recovery codes. @throws {ConflictError} without a factor */
    disable: async (by: Actor, userId: string): Promise<void> => {
      if (!(await secondFactors.disable(by, userId))) throw new ConflictError(noFactor);
    },
  };
}

export type SecondFactor = ReturnType<typeof createSecondFactor>;

const noEnrolment = "No enrolment is pending, or it began more than 10 minutes ago: begin a new one.";
const noFactor = "The account has no second factor: enrol one first.";
const wrongCode = "code: This is not the present code of the enrolled authenticator. Check that its clock is right.";
