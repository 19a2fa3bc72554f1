import type { Actor } from "../../database/index.ts";
import { TooManyRequestsError, UnauthenticatedError } from "../../errors.ts";
import type { AttemptTicket, Credentials, RefusedAttempt, Repositories } from "../../repositories/index.ts";
import type { AuthenticationLog } from "../authentication-log.ts";
import { waitForWholeSecond } from "../failure-timing.ts";
import { sha256 } from "../random-token.ts";
import { isUnreadable, maxPasswordLength } from "./password-rules.ts";
import { codePointCount } from "./password-text.ts";
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
  /** Gives the place in the queue back when the client disconnects. */
  readonly signal?: AbortSignal | undefined;
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
  authentications,
}: Pick<Repositories, "attempts" | "credentials"> & { passwords: Passwords; authentications: AuthenticationLog }) {
  /**
   * Returns the attempt if its password is right. The caller forgives it once the whole sign-in has succeeded.
   *
   * @throws {TooManyRequestsError} if the limit of an address is exceeded, or too many passwords wait for their check
   * @throws {UnauthenticatedError} with one text and one duration for an unknown account, a wrong password, a locked
   *   account and a password that is too long
   */
  return async (by: Actor, attempt: PasswordAttempt): Promise<ProvenAttempt> => {
    const { credentials, login, password, arrived, signal } = attempt;
    const lane = credentials?.deviceId == null ? "strangers" : "known";
    let taken: AttemptTicket | RefusedAttempt | undefined;
    // The attempt is counted when its turn has come: one that the queue refuses is not counted.
    const hashToCheck = async (): Promise<string | undefined> => {
      taken = await take(by, { credentials, login });
      const isTooLong = isUnreadable(password) || codePointCount(password) > maxPasswordLength;
      return isTicket(taken) && !isTooLong ? credentials?.passwordHash : undefined;
    };
    // An attempt that may not be checked costs the same work.
    const deviceId = credentials?.deviceId ?? undefined;
    const isRight = await passwords.verify(hashToCheck, password, { lane, deviceId, signal });
    if (isRight && credentials !== undefined && isTicket(taken)) {
      const passwordHash = await rehash(by, { credentials, password, lane });
      return { credentials: { ...credentials, passwordHash }, ticket: taken };
    }
    if (isTicket(taken)) await attempts.fail(by, taken);
    authentications.record(failureOf(taken), by, { userId: credentials?.userId });
    await waitForWholeSecond(arrived);
    throw new UnauthenticatedError(failureMessage);
  };

  /** Counts an attempt. @returns a ticket, or why it may not be checked @throws {TooManyRequestsError} */
  async function take(
    by: Actor,
    { credentials, login }: Pick<PasswordAttempt, "credentials" | "login">,
  ): Promise<AttemptTicket | RefusedAttempt> {
    const taken = await attempts.take(by, {
      userId: credentials?.userId,
      deviceId: credentials?.deviceId ?? undefined,
      ipAddress: by.ipAddress,
      login: sha256(login.toLowerCase()),
    });
    if (taken.bucket !== "limited") return taken;
    authentications.record("address_limited", by, { userId: credentials?.userId });
    throw new TooManyRequestsError(
      `Too many sign-ins from this address. Try again in ${Math.ceil(taken.wait / 60)} min, or sign in from a known device.`,
      { retryAfter: taken.wait },
    );
  }

  /** Replaces a hash of another system or with lower cost at the first sign-in. @returns the hash afterwards */
  async function rehash(
    by: Actor,
    { credentials, password, lane }: { credentials: Credentials; password: string; lane: "known" | "strangers" },
  ): Promise<string> {
    const { userId, passwordHash: from } = credentials;
    if (!passwords.needsRehash(from)) return from;
    try {
      const to = await passwords.hash(password, { lane });
      return (await stored.rehash(by, userId, { from, to })) ? to : from;
    } catch (error) {
      // The queue is full: the next sign-in replaces the hash.
      if (error instanceof TooManyRequestsError) return from;
      throw error;
    }
  }
}

export type PasswordCheck = ReturnType<typeof createPasswordCheck>;

const isTicket = (taken: AttemptTicket | RefusedAttempt | undefined): taken is AttemptTicket =>
  taken !== undefined && "number" in taken;

const failureOf = (taken: AttemptTicket | RefusedAttempt | undefined) => {
  if (isTicket(taken)) return "wrong_password";
  return taken?.bucket === "locked" ? "account_locked" : "unknown_name";
};

/** One text for every failure, so that it reveals neither whether an account exists nor that it is locked. */
export const failureMessage =
  "Name or password is wrong, or there were too many attempts. Check both, wait a while, sign in from a device that you " +
  "have used before, or ask for a new password.";
