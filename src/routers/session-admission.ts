import { InsufficientAuthenticationError } from "../errors.ts";
import type { SessionStage } from "../repositories/index.ts";

const remedies = {
  password_change: "This account needs a new password first: call auth.changePassword.",
  enrolment: "This account needs a second factor first: call account.twoFactor.enrol and confirm, or sign in with it.",
} as const;

/**
 * Admits a session of this stage to a procedure that is open in the given stages beside `full`.
 *
 * @throws {InsufficientAuthenticationError}
 */
export function admitStage(stage: SessionStage, stages: readonly SessionStage[]): void {
  if (stage !== "full" && !stages.includes(stage)) throw new InsufficientAuthenticationError(stage, remedies[stage]);
}

/** @throws {InsufficientAuthenticationError} unless the owner has proved their identity within the last 10 minutes */
export function admitRecentAuthentication(isRecent: boolean): void {
  if (isRecent) return;
  throw new InsufficientAuthenticationError(
    "recent_authentication",
    "This needs a recent proof of identity: call auth.reauthenticate, with the second factor if the account has one, then repeat the call.",
  );
}
