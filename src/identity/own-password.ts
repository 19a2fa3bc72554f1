import { type Actor, type Db, inTransaction } from "../database/index.ts";
import { ConflictError, UnauthenticatedError } from "../errors.ts";
import type { Repositories } from "../repositories/index.ts";
import type { AuthenticationLog } from "./authentication-log.ts";
import type { PasswordCheck } from "./password/password-check.ts";
import type { Passwords } from "./password/passwords.ts";
import { sessionEnded } from "./session-tokens.ts";

/** A session of the account whose owner proves their password. */
export interface OwnSession {
  readonly userId: string;
  readonly sessionId: string;
}

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

  const prove = async (by: Actor, { userId, sessionId }: OwnSession, password: string) => {
    const arrived = performance.now();
    const credentials = await stored.findBySession(userId, sessionId);
    if (credentials === undefined) throw new UnauthenticatedError(sessionEnded);
    return checkPassword(by, { credentials, login: credentials.username, password, arrived });
  };

  return {
    /**
     * Records that the owner has proved the password now.
     *
     * @throws {UnauthenticatedError} @throws {TooManyRequestsError} like a sign-in
     */
    reauthenticate: async (by: Actor, session: OwnSession, password: string): Promise<void> => {
      const { ticket } = await prove(by, session, password);
      const isLive = await inTransaction(db, async (tx) => {
        await attempts.withTransaction(tx).forgive(by, ticket);
        return sessions.withTransaction(tx).authenticate(by, session.userId, session.sessionId, ["password"]);
      });
      if (!isLive) throw new UnauthenticatedError(sessionEnded);
      authentications.record("reauthenticated", by, { userId: session.userId });
    },

    /**
     * Replaces the password. The present one is required (OWASP ASVS 5.0, 6.2.3).
     *
     * @param options.signOutOthers ends the account's other sessions (OWASP ASVS 5.0, 7.4.3)
     * @returns the number of sessions that were ended
     * @throws {InvalidInputError} if the new password violates a rule
     * @throws {ConflictError} if the password was changed at the same time
     */
    change: async (
      by: Actor,
      session: OwnSession,
      options: { currentPassword: string; newPassword: string; signOutOthers: boolean },
    ): Promise<number> => {
      const { currentPassword, newPassword, signOutOthers } = options;
      const { credentials, ticket } = await prove(by, session, currentPassword);
      // The present password was right, whatever becomes of the new one.
      await attempts.forgive(by, ticket);
      const { userId, email, username, passwordHash: from } = credentials;
      await passwords.check(newPassword, { context: { email, username }, field: "newPassword" });
      const to = await passwords.hash(newPassword, { lane: "known" });
      return inTransaction(db, async (tx) => {
        const isChanged = await stored.withTransaction(tx).changePassword(by, userId, { from, to });
        if (!isChanged) throw new ConflictError("The password was changed at the same time.");
        await sessions.withTransaction(tx).authenticate(by, userId, session.sessionId, ["password"]);
        if (!signOutOthers) return 0;
        return sessions
          .withTransaction(tx)
          .revokeAll(by, userId, { except: session.sessionId, reason: "password_changed" });
      });
    },
  };
}

export type OwnPassword = ReturnType<typeof createOwnPassword>;
