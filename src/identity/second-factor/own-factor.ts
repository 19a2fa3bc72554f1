import type { Actor } from "../../database/index.ts";
import { UnauthenticatedError } from "../../errors.ts";
import type { Repositories } from "../../repositories/index.ts";
import type { AuthenticationLog } from "../authentication-log.ts";
import type { OwnSession } from "../own-password.ts";
import { sessionEnded } from "../session-tokens.ts";
import type { FactorCheck, FactorProof } from "./factor-check.ts";
import type { Enrolment, SecondFactor } from "./second-factor.ts";

/** What the owner of a session does with the second factor of their account. */
export function createOwnFactor({
  sessions,
  secondFactor,
  checkFactor,
  authentications,
}: Pick<Repositories, "sessions"> & {
  secondFactor: SecondFactor;
  checkFactor: FactorCheck;
  authentications: AuthenticationLog;
}) {
  return {
    /** Begins an enrolment. @param account names the account in the authenticator */
    enrol: (by: Actor, { userId }: OwnSession, account: string): Promise<Enrolment> =>
      secondFactor.beginEnrolment(by, userId, account),

    /**
     * Confirms the enrolment by a code, which also counts as the session's second factor.
     *
     * @returns new recovery codes
     * @throws {ConflictError} @throws {InvalidInputError}
     */
    confirm: async (by: Actor, { userId, sessionId }: OwnSession, code: string): Promise<readonly string[]> => {
      const codes = await secondFactor.confirmEnrolment(by, userId, code);
      await sessions.authenticate(by, userId, sessionId, ["totp"]);
      return codes;
    },

    /**
     * Records that the owner has proved the second factor now.
     *
     * @throws {UnauthenticatedError} like a sign-in
     * @throws {ConflictError} without a second factor
     */
    reauthenticate: async (by: Actor, { userId, sessionId }: OwnSession, proof: FactorProof): Promise<void> => {
      await secondFactor.require(userId);
      const { factor } = await checkFactor(by, userId, proof, performance.now());
      if (!(await sessions.authenticate(by, userId, sessionId, [factor]))) throw new UnauthenticatedError(sessionEnded);
      authentications.record("reauthenticated", by, { userId });
    },

    /** Removes the second factor after a proof of it. @throws {UnauthenticatedError} @throws {ConflictError} */
    disable: async (by: Actor, { userId }: OwnSession, proof: FactorProof): Promise<void> => {
      await secondFactor.require(userId);
      await checkFactor(by, userId, proof, performance.now());
      await secondFactor.disable(by, userId);
    },

    /** Replaces the recovery codes. @throws {ConflictError} without a second factor */
    renewRecoveryCodes: (by: Actor, { userId }: OwnSession): Promise<readonly string[]> =>
      secondFactor.renewRecoveryCodes(by, userId),
  };
}

export type OwnFactor = ReturnType<typeof createOwnFactor>;
