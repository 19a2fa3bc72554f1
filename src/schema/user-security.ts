import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

export const userSecurityConstraintMessages: ConstraintMessages = {
  user_security_login_attempts_check: { field: "loginAttempts", message: "Must be 0 or more." },
  user_security_two_factor_check: {
    field: "twoFactorEnabled",
    message: "Two-factor authentication requires a secret: set twoFactorSecret, too.",
  },
  user_security_times_check: timeRangeMessage,
};

/**
 * The security state of an account: failed sign-in attempts, lockout, two-factor state, password age.
 *
 * `login_attempts` counts the wrong passwords of strangers: clients without the token of a known device.
 *
 * A trigger on `users` inserts the row, so that every user has exactly one. The two-factor secret is encrypted and
 * recovery codes are hashes. The service never returns either.
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
      // Every attempt that was ever counted. Its value is the ticket of an attempt.
      attemptsTotal: bigint("attempts_total", { mode: "number" }).notNull().default(0),
      // The first failure since the last success.
      failingSince: instant("failing_since"),
    },
    (table) => [
      // Accounts with failed sign-in attempts, latest attempt first.
      index("idx_user_security_failures")
        .on(table.lastAttemptAt.desc().nullsLast(), table.userId.desc().nullsFirst())
        .where(sql`login_attempts > 0`),
      check("user_security_login_attempts_check", sql`login_attempts >= 0`),
      // Two-factor sign-in without a secret would lock the player out permanently.
      check("user_security_two_factor_check", sql`not two_factor_enabled or two_factor_secret is not null`),
    ],
  ),
);
