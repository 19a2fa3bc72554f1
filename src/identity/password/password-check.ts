import type { Actor } from "../../database/index.ts";
import { TooManyRequestsError, UnauthenticatedError } from "../../errors.ts";
import type { AttemptTicket, Credentials, Repositories } from "../../repositories/index.ts";
import { waitForWholeSecond } from "../failure-timing.ts";
import { sha256 } from "../random-token.ts";
import { maxPasswordLength } from "./password-rules.ts";
import type { Passwords } from "./passwords.ts";

/** A password that is to be checked, and where it comes from. */
export interface PasswordAttempt {
  /** Undefined if there is no such account. */
  readonly credentials: Credentials | undefined;
  /** What the account was named by. */
  readonly login: string;
  readonly password: string;
  /** The time of arrival by `performance.now()` (ms). */
  readonly arrived: number;
}

/** An attempt whose password is right. */
export interface ProvenAttempt {
  readonly credentials: Credentials;
  readonly ticket: AttemptTicket;
}

/**
 * Checks passwords within the limits of attempts. Every way to prove a password goes through here, so that none bypasses
 * the limits.
 */
export function createPasswordCheck({
  attempts,
  credentials: stored,
  passwords,
}: Pick<Repositories, "attempts" | "credentials"> & { passwords: Passwords }) {
  /**
   * Returns the attempt if its password is right. The caller forgives it once the whole sign-in has succeeded.
   *
   * @throws {TooManyRequestsError} if the limit of an address is exceeded, or too many passwords wait for their check
   * @throws {UnauthenticatedError} with one text and one duration for an unknown account, a wrong password, a locked
   *   account and a password that is too long
   */
  return async (by: Actor, { credentials, login, password, arrived }: PasswordAttempt): Promise<ProvenAttempt> => {
    const taken = await attempts.take(by, {
      userId: credentials?.userId,
      deviceId: credentials?.deviceId ?? undefined,
      ipAddress: by.ipAddress,
      login: sha256(login.toLowerCase()),
    });
    if (taken.bucket === "limited") {
      const minutes = Math.ceil(("wait" in taken ? taken.wait : 0) / 60);
      throw new TooManyRequestsError(
        `Too many sign-ins from this address. Try again in ${minutes} min, or sign in from a known device.`,
        { retryAfter: "wait" in taken ? taken.wait : 0 },
      );
    }
    const ticket = "number" in taken ? taken : undefined;
    const isChecked = credentials !== undefined && ticket !== undefined && [...password].length <= maxPasswordLength;
    const lane = ticket?.bucket === "device" ? "known" : "strangers";
    // An attempt that may not be checked costs the same work.
    const isRight = await passwords.verify(isChecked ? credentials.passwordHash : undefined, password, { lane });
    if (isChecked && isRight) {
      const passwordHash = await rehash(by, { credentials, password, lane });
      return { credentials: { ...credentials, passwordHash }, ticket };
    }
    if (ticket !== undefined) await attempts.fail(by, ticket);
    await waitForWholeSecond(arrived);
    throw new UnauthenticatedError(failureMessage);
  };

  /** Replaces a hash of another system or with lower cost at the first sign-in. @returns the hash afterwards */
  async function rehash(
    by: Actor,
    { credentials, password, lane }: { credentials: Credentials; password: string; lane: "known" | "strangers" },
  ): Promise<string> {
    const { userId, passwordHash: from } = credentials;
    if (!passwords.needsRehash(from)) return from;
    const to = await passwords.hash(password, { lane });
    return (await stored.rehash(by, userId, { from, to })) ? to : from;
  }
}

export type PasswordCheck = ReturnType<typeof createPasswordCheck>;

/** One text for every failure, so that it reveals neither whether an account exists nor that it is locked. */
export const failureMessage =
  "Name or password is wrong, or there were too many attempts. Check both, wait a while, sign in from a device that you " +
  "have used before, or ask for a new password.";
