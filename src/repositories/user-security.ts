import { and, eq, gt, isNotNull, or, sql } from "drizzle-orm";
import { type Actor, inTransaction, setAuditContext } from "../database/index.ts";
import { userDevices, userSecurity } from "../schema/index.ts";
import { Repository } from "./base.ts";
import type { Definition, RepositoryServices } from "./definition.ts";
import type { UserSecurity } from "./row-types.ts";

export const userSecurityDefinition: Definition<typeof userSecurity, UserSecurity> = {
  table: userSecurity,
  key: userSecurity.userId,
  noun: "user",
  // The two-factor secret and the recovery codes are not read.
  columns: {
    userId: userSecurity.userId,
    loginAttempts: userSecurity.loginAttempts,
    lastAttemptAt: userSecurity.lastAttemptAt,
    lockedUntil: userSecurity.lockedUntil,
    twoFactorEnabled: userSecurity.twoFactorEnabled,
    passwordChangedAt: userSecurity.passwordChangedAt,
    mustChangePassword: userSecurity.mustChangePassword,
  },
  indexPaths: [{ equal: ["userId"], selective: true }],
  defaultSort: { field: "userId", direction: "asc" },
};

/** Accounts with failed sign-in attempts. A listing of its own, because a partial index holds these rows only. */
export const failuresDefinition: Definition<typeof userSecurity, UserSecurity> = {
  ...userSecurityDefinition,
  view: "failures",
  visible: sql`${userSecurity.loginAttempts} > 0`,
  indexPaths: [{ equal: ["userId"], selective: true }, { sort: ["lastAttemptAt"] }],
  defaultSort: { field: "lastAttemptAt", direction: "desc" },
};

/** The security state of accounts. */
export class UserSecurityRepository extends Repository<typeof userSecurity, UserSecurity> {
  constructor(services: RepositoryServices, definition = userSecurityDefinition) {
    super(services, definition);
  }

  /**
   * Resets failed attempts and ends every lock-out of an account: of strangers, of its devices and of one-time codes. Codes
   * that are disabled after 100 failures stay so until the factor is bound anew (NIST SP 800-63B-4, 3.2.2).
   *
   * @throws {NotFoundError}
   */
  unlock(by: Actor, userId: string): Promise<UserSecurity> {
    return inTransaction(this.db, async (tx) => {
      // Devices first, like a sign-in.
      await tx
        .update(userDevices)
        .set({ attempts: 0, lockedUntil: null, failingSince: null })
        .where(and(eq(userDevices.userId, userId), or(gt(userDevices.attempts, 0), isNotNull(userDevices.lockedUntil))))
        .returning({ auditContext: setAuditContext(by) });
      const { codeAttempts, codeLockedUntil } = userSecurity;
      const isDisabled = sql`${codeAttempts} >= 100`;
      return this.found(
        await this.withTransaction(tx).change(by, eq(userSecurity.userId, userId), {
          loginAttempts: 0,
          lockedUntil: null,
          failingSince: null,
          codeAttempts: sql`case when ${isDisabled} then ${codeAttempts} else 0 end`,
          codeLockedUntil: sql`case when ${isDisabled} then ${codeLockedUntil} end`,
        }),
      );
    });
  }

  /** Requires a new password at the next sign-in. @throws {NotFoundError} */
  async requirePasswordChange(by: Actor, userId: string): Promise<UserSecurity> {
    return this.found(await this.change(by, eq(userSecurity.userId, userId), { mustChangePassword: true }));
  }
}
