import { sql } from "drizzle-orm";
import { boolean, check, index, integer, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

/**
 * What guards an account: failed attempts, lock-out, two-factor state, password age.
 *
 * One row a user, made by a trigger on `users`: a user without one cannot exist. The two-factor
 * secret is stored encrypted, recovery codes as hashes; neither ever leaves the service.
 */
export const userSecurity = inPublic(
  pgTable(
    "user_security",
    {
      userId: uuid("user_id")
        .primaryKey()
        .references(() => users.id, { onDelete: "cascade" }),
      loginAttempts: integer("login_attempts").notNull().default(0),
      lastAttemptAt: instant("last_attempt_at"),
      lockedUntil: instant("locked_until"),
      twoFactorEnabled: boolean("two_factor_enabled").notNull().default(false),
      twoFactorSecret: varchar("two_factor_secret", { length: 255 }),
      recoveryCodes: text("recovery_codes").array(),
      passwordChangedAt: instant("password_changed_at").notNull().default(sql`CURRENT_TIMESTAMP`),
      mustChangePassword: boolean("must_change_password").notNull().default(false),
    },
    (table) => [
      // Accounts that somebody tries to get into, the latest first.
      index("idx_user_security_failures")
        .on(table.lastAttemptAt.desc().nullsLast(), table.userId.desc().nullsFirst())
        .where(sql`login_attempts > 0`),
      check("user_security_login_attempts_check", sql`login_attempts >= 0`),
      // Two-factor without a secret would lock the player out of the account for good.
      check("user_security_two_factor_check", sql`not two_factor_enabled or two_factor_secret is not null`),
    ],
  ),
);
