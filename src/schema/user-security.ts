import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

export const userSecurityConstraintMessages: ConstraintMessages = {
  user_security_login_attempts_check: { field: "loginAttempts", message: "Must be 0 or more." },
  user_security_code_attempts_check: {
    field: "codeAttempts",
    message: "Must be 0 or more, and at most codeAttemptsTotal.",
  },
  user_security_two_factor_check: {
    field: "twoFactorEnabled",
    message: "Two-factor authentication requires a secret: set twoFactorSecret, too.",
  },
  user_security_secret_format_check: {
    field: "twoFactorSecret",
    message: "A two-factor secret must be encrypted: v1.<key id>.<base64url>.",
  },
  user_security_pending_format_check: {
    field: "twoFactorPendingSecret",
    message: "A two-factor secret must be encrypted: v1.<key id>.<base64url>.",
  },
  user_security_pending_check: {
    field: "twoFactorPendingSecret",
    message: "An enrolment has a secret and the time when it began: set both, or neither.",
  },
  user_security_last_step_check: {
    field: "twoFactorLastStep",
    message: "A time step is 0 or more, and requires a two-factor secret.",
  },
  user_security_recovery_codes_check: {
    field: "recoveryCodes",
    message: "Recovery codes are stored as SHA-256 in hex, at most 10 for an account that has a two-factor secret.",
  },
  user_security_times_check: timeRangeMessage,
};

/** Encrypted secrets: the second part is the id of the key. */
const encryptedText = "'^v1\\.[a-z0-9_-]{1,16}\\.[A-Za-z0-9_-]+$'";

/**
 * The security state of an account: failed sign-in attempts, lockout, two-factor state, password age.
 *
 * `login_attempts` counts the wrong passwords of strangers: clients without the token of a known device.
 *
 * A trigger on `users` inserts the row, so that every user has exactly one. Two-factor secrets are encrypted and
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
      // The time step of the last one-time code (RFC 6238, 5.2): a code of this step or an earlier one is refused.
      twoFactorLastStep: bigint("two_factor_last_step", { mode: "number" }),
      // The secret of an enrolment that is not confirmed yet.
      twoFactorPendingSecret: varchar("two_factor_pending_secret", { length: 255 }),
      twoFactorPendingSince: instant("two_factor_pending_since"),
      passwordChangedAt: instant("password_changed_at").notNull().default(sql`CURRENT_TIMESTAMP`),
      mustChangePassword: boolean("must_change_password").notNull().default(false),
      // Every attempt that was ever counted. Its value is the ticket of an attempt.
      attemptsTotal: bigint("attempts_total", { mode: "number" }).notNull().default(0),
      // The first failure since the last success.
      failingSince: instant("failing_since"),
      // The same for one-time codes, after the right password.
      codeAttempts: integer("code_attempts").notNull().default(0),
      codeAttemptsTotal: bigint("code_attempts_total", { mode: "number" }).notNull().default(0),
      codeLockedUntil: instant("code_locked_until"),
    },
    (table) => [
      // Accounts with failed sign-in attempts, latest attempt first.
      index("idx_user_security_failures")
        .on(table.lastAttemptAt.desc().nullsLast(), table.userId.desc().nullsFirst())
        .where(sql`login_attempts > 0`),
      check("user_security_login_attempts_check", sql`login_attempts >= 0`),
      check("user_security_code_attempts_check", sql`code_attempts >= 0 and code_attempts <= code_attempts_total`),
      // Two-factor sign-in without a secret would lock the player out permanently.
      check("user_security_two_factor_check", sql`not two_factor_enabled or two_factor_secret is not null`),
      check("user_security_secret_format_check", sql`two_factor_secret ~ ${sql.raw(encryptedText)}`),
      check("user_security_pending_format_check", sql`two_factor_pending_secret ~ ${sql.raw(encryptedText)}`),
      check(
        "user_security_pending_check",
        sql`(two_factor_pending_secret is null) = (two_factor_pending_since is null)`,
      ),
      check(
        "user_security_last_step_check",
        sql`two_factor_last_step is null or two_factor_last_step >= 0 and two_factor_secret is not null`,
      ),
      check(
        "user_security_recovery_codes_check",
        sql`recovery_codes is null or two_factor_secret is not null and cardinality(recovery_codes) <= 10 and array_position(recovery_codes, null) is null and array_to_string(recovery_codes, ',') ~ '^([0-9a-f]{64}(,[0-9a-f]{64})*)?$'`,
      ),
      // The keys that are in use, and the secrets of each: see src/repositories/encrypted-secrets.ts.
      index("idx_user_security_encryption_key")
        .on(sql`split_part(two_factor_secret, '.', 2)`, table.userId)
        .where(sql`two_factor_secret is not null`),
      // Enrolments that are not confirmed, oldest first: they expire.
      index("idx_user_security_pending")
        .on(table.twoFactorPendingSince)
        .where(sql`two_factor_pending_secret is not null`),
    ],
  ),
);
