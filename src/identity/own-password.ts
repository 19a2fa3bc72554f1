import { type Actor, type Db, inTransaction } from "../database/index.ts";
import { ConflictError, InsufficientAuthenticationError, InvalidInputError, UnauthenticatedError } from "../errors.ts";
import type { Repositories, SessionCredentials } from "../repositories/index.ts";
import type { AuthenticationLog } from "./authentication-log.ts";
import type { PasswordCheck } from "./password/password-check.ts";
import { normalizePassword } from "./password/password-text.ts";
import type { Passwords } from "./password/passwords.ts";
import { sessionEnded } from "./session-tokens.ts";

/** A session of the account whose owner proves their password. */
export interface OwnSession {
  readonly userId: string;
  readonly sessionId: string;
}

const secondFactorFirst =
  "This session has not proved the account's second factor: call auth.reauthenticate with a code, then repeat the call.";

/** What the owner of a session does with the password of their account. */
export function createOwnPassword(services: {
  readonly db: Db;
  readonly repositories: Pick<Repositories, "attempts" | "credentials" | "sessions">;
  readonly checkPassword: PasswordCheck;
  readonly passwords: Passwords;
  readonly authentications: AuthenticationLog;
}) {
  const { db, repositories, checkPassword, passwords, authentications } = services;
  const { attempts, credentials: stored, sessions } = repositories;

  const find = async ({ userId, sessionId }: OwnSession): Promise<SessionCredentials> => {
    const credentials = await stored.findBySession(userId, sessionId);
    if (credentials === undefined) throw new UnauthenticatedError(sessionEnded);
    return credentials;
  };

  const prove = (by: Actor, credentials: SessionCredentials, attempt: { password: string; arrived: number }) =>
    checkPassword(by, { credentials, login: credentials.username, ...attempt });

  return {
    /**
     * Records that the owner has proved the password now.
     *
     * @throws {UnauthenticatedError} @throws {TooManyRequestsError} like a sign-in
     */
    reauthenticate: async (by: Actor, session: OwnSession, password: string): Promise<void> => {
      const arrived = performance.now();
      const { ticket } = await prove(by, await find(session), { password, arrived });
      const isLive = await inTransaction(db, async (tx) => {
        const isAuthenticated = await sessions
          .withTransaction(tx)
          .authenticate(by, session.userId, session.sessionId, ["password"]);
        await attempts.withTransaction(tx).forgive(by, ticket);
        return isAuthenticated;
      });
      if (!isLive) throw new UnauthenticatedError(sessionEnded);
      authentications.record("reauthenticated", by, { userId: session.userId });
    },

    /**
     * Replaces the password. The present one is required (OWASP ASVS 5.0, 6.2.3).
     *
     * @param options.signOutOthers ends the account's other sessions (OWASP ASVS 5.0, 7.4.3)
     * @returns the number of sessions that were ended
     * @throws {InvalidInputError} if the new password violates a rule, or is the present one
     * @throws {InsufficientAuthenticationError} if the account has a second factor that this session has not proved
     * @throws {ConflictError} if the password was changed at the same time
     */
    change: async (
      by: Actor,
      session: OwnSession,
      options: { currentPassword: string; newPassword: string; signOutOthers: boolean },
    ): Promise<number> => {
      const arrived = performance.now();
      const { currentPassword, newPassword, signOutOthers } = options;
      const found = await find(session);
      if (found.twoFactorEnabled && !found.hasSecondFactor)
        throw new InsufficientAuthenticationError("recent_authentication", secondFactorFirst);
      const { credentials, ticket } = await prove(by, found, { password: currentPassword, arrived });
      // The present password was right, whatever becomes of the new one.
      await attempts.forgive(by, ticket);
      const { userId, email, username, passwordHash: from } = credentials;
      await passwords.check(newPassword, { context: { email, username }, field: "newPassword" });
      if (normalizePassword(newPassword) === normalizePassword(currentPassword))
        throw new InvalidInputError("newPassword: must be another one than the present password.", {
          field: "newPassword",
        });
      const to = await passwords.hash(newPassword, { lane: "known" });
      return inTransaction(db, async (tx) => {
        const isChanged = await stored.withTransaction(tx).changePassword(by, userId, { from, to });
        if (!isChanged) throw new ConflictError("The password was changed at the same time.");
        if (!(await sessions.withTransaction(tx).authenticate(by, userId, session.sessionId, ["password"])))
          throw new UnauthenticatedError(sessionEnded);
        if (!signOutOthers) return 0;
        return sessions
          .withTransaction(tx)
          .revokeAll(by, userId, { except: session.sessionId, reason: "password_changed" });
      });
    },
  };
}

export type OwnPassword = ReturnType<typeof createOwnPassword>;
