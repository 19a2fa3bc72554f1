import type { Actor } from "../../database/index.ts";
import { UnauthenticatedError } from "../../errors.ts";
import type { AuthenticationFactor, Repositories } from "../../repositories/index.ts";
import type { AuthenticationLog } from "../authentication-log.ts";
import { waitForWholeSecond } from "../failure-timing.ts";
import type { SecondFactor } from "./second-factor.ts";

/** A one-time code, or a recovery code in its place. */
export interface FactorProof {
  readonly code?: string | undefined;
  readonly recoveryCode?: string | undefined;
}

/** A proof that was right. */
export interface ProvenFactor {
  readonly factor: AuthenticationFactor;
  /** The number of recovery codes that are left, if one was taken. */
  readonly recoveryCodesLeft: number | undefined;
}

/**
 * Takes a one-time code or a recovery code within the limits of attempts. Every way to prove a second factor goes through
 * here, so that none bypasses the limits.
 */
export function createFactorCheck({
  attempts,
  secondFactor,
  authentications,
}: Pick<Repositories, "attempts"> & { secondFactor: SecondFactor; authentications: AuthenticationLog }) {
  /** @returns the factor, or why the code is refused */
  const prove = async (by: Actor, userId: string, { code, recoveryCode }: FactorProof) => {
    if (recoveryCode !== undefined) {
      if (!(await attempts.countRecovery(userId))) return "code_locked";
      const recoveryCodesLeft = await secondFactor.takeRecoveryCode(by, userId, recoveryCode);
      return recoveryCodesLeft === undefined ? "wrong_code" : { factor: "recovery_code" as const, recoveryCodesLeft };
    }
    const number = await attempts.takeCode(by, userId);
    if (number === undefined) return "code_locked";
    if (!(await secondFactor.takeCode(userId, code ?? ""))) return "wrong_code";
    await attempts.forgiveCode(by, userId, number);
    return { factor: "totp" as const, recoveryCodesLeft: undefined };
  };

  /**
   * @param arrived the time of arrival by `performance.now()` (ms)
   * @throws {UnauthenticatedError} with one text and one duration for a code that is wrong, was taken already, or exceeds
   *   the limit of attempts
   */
  return async (by: Actor, userId: string, proof: FactorProof, arrived: number): Promise<ProvenFactor> => {
    const proven = await prove(by, userId, proof);
    if (typeof proven === "object") return proven;
    const reason = proof.recoveryCode === undefined ? "totp" : "recovery_code";
    authentications.record(proven, by, { userId, reason });
    await waitForWholeSecond(arrived);
    throw new UnauthenticatedError(`${failure} ${remedies[reason]}`);
  };
}

const failure = "The code is wrong or was used already, or there were too many attempts.";
const remedies = {
  totp: "Wait for the next code, or use a recovery code.",
  recovery_code: "Check its letters, or use another one.",
} as const;

export type FactorCheck = ReturnType<typeof createFactorCheck>;
