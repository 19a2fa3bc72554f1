import { eq, sql } from "drizzle-orm";
import type { Actor } from "../database/index.ts";
import { userSecurity } from "../schema/index.ts";
import { type Definition, Repository, type RepositoryParts } from "./base.ts";
import type { UserSecurity } from "./row-types.ts";

export const userSecurityDefinition: Definition<typeof userSecurity, UserSecurity> = {
  table: userSecurity,
  key: userSecurity.userId,
  noun: "user",
  // The two-factor secret and the recovery codes do not leave the service.
  columns: {
    userId: userSecurity.userId,
    loginAttempts: userSecurity.loginAttempts,
    lastAttemptAt: userSecurity.lastAttemptAt,
    lockedUntil: userSecurity.lockedUntil,
    twoFactorEnabled: userSecurity.twoFactorEnabled,
    passwordChangedAt: userSecurity.passwordChangedAt,
    mustChangePassword: userSecurity.mustChangePassword,
  },
  access: [{ equal: ["userId"], few: true }],
  defaultSort: { field: "userId", direction: "asc" },
};

/** Accounts that somebody tries to get into: a listing of its own, because an index has just these. */
export const failuresDefinition: Definition<typeof userSecurity, UserSecurity> = {
  ...userSecurityDefinition,
  view: "failures",
  visible: sql`${userSecurity.loginAttempts} > 0`,
  access: [{ equal: ["userId"], few: true }, { sort: ["lastAttemptAt"] }],
  defaultSort: { field: "lastAttemptAt", direction: "desc" },
};

/** What guards accounts. */
export class UserSecurityRepository extends Repository<typeof userSecurity, UserSecurity> {
  constructor(parts: RepositoryParts, definition = userSecurityDefinition) {
    super(parts, definition);
  }

  /** Forgets failed attempts, and lets the account sign in again at once. @throws {NotFoundError} */
  async unlock(by: Actor, userId: string): Promise<UserSecurity> {
    return this.found(await this.change(by, eq(userSecurity.userId, userId), { loginAttempts: 0, lockedUntil: null }));
  }

  /** The account may do nothing before it has a new password. @throws {NotFoundError} */
  async requirePasswordChange(by: Actor, userId: string): Promise<UserSecurity> {
    return this.found(await this.change(by, eq(userSecurity.userId, userId), { mustChangePassword: true }));
  }
}
