import { sql } from "drizzle-orm";
import { check, foreignKey, index, inet, integer, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { userDevices } from "./user-devices.ts";
import { users } from "./users.ts";

export const userSessionsConstraintMessages: ConstraintMessages = {
  user_sessions_refresh_token_id_key: { field: "refreshTokenId", message: "Another session has this refresh token." },
  user_sessions_expires_at_check: { field: "expiresAt", message: "A session must expire after its creation." },
  user_sessions_factors_check: {
    field: "factors",
    message: "Must be among password, totp, recovery_code and operator.",
  },
  user_sessions_revocation_check: { field: "revocationReason", message: "Only a revoked session has a reason." },
  user_sessions_times_check: timeRangeMessage,
};

/** Proofs of identity by which a session was authenticated. `operator`: a session of the command line. */
export const authenticationFactors = ["password", "totp", "recovery_code", "operator"] as const;

/** Why a session ended before it expired. */
export const revocationReasons = [
  "revoked",
  "signed_out",
  "session_limit",
  "refresh_token_reused",
  "password_changed",
  "account_inactive",
] as const;

/**
 * A signed-in device. `refresh_token_id` is the `jti` of the one valid refresh token (RFC 7519, 4.1.7); rotation
 * replaces it. Setting `revoked_at` ends the session immediately. `delete_expired_sessions` and
 * `delete_revoked_sessions` delete the rows later, in batches of limited size.
 *
 * A session ends at `expires_at` and, without use, at `idle_expires_at`, which each rotation moves (NIST SP 800-63B-4,
 * 5.2). Rotation changes only columns that the audit trail does not record.
 */
export const userSessions = inPublic(
  pgTable(
    "user_sessions",
    {
      id: uuid().primaryKey().defaultRandom(),
      userId: uuid("user_id")
        .notNull()
        .references(() => users.id, { onDelete: "cascade" }),
      refreshTokenId: uuid("refresh_token_id").notNull().unique("user_sessions_refresh_token_id_key"),
      ipAddress: inet("ip_address"),
      userAgent: text("user_agent"),
      expiresAt: instant("expires_at").notNull(),
      createdAt: createdAt(),
      lastActive: instant("last_active").notNull().default(sql`CURRENT_TIMESTAMP`),
      revokedAt: instant("revoked_at"),
      revocationReason: varchar("revocation_reason", { length: 30, enum: revocationReasons }),
      idleExpiresAt: instant("idle_expires_at").notNull().default(sql`CURRENT_TIMESTAMP + interval '14 days'`),
      // The last proof of identity, which sensitive procedures require to be recent.
      authenticatedAt: instant("authenticated_at").notNull().default(sql`CURRENT_TIMESTAMP`),
      factors: text({ enum: authenticationFactors }).array().notNull().default([]),
      // The token that the last rotation replaced.
      previousRefreshTokenId: uuid("previous_refresh_token_id"),
      rotatedAt: instant("rotated_at"),
      // The first time that the predecessor was presented more than a minute after the rotation.
      replayedAt: instant("replayed_at"),
      deviceId: uuid("device_id"),
      // Failed attempts of the same bucket before the sign-in.
      failures: integer().notNull().default(0),
    },
    (table) => [
      index("idx_sessions_user").on(table.userId),
      index("idx_sessions_token").on(table.refreshTokenId),
      index("idx_sessions_expires").on(table.expiresAt),
      index("idx_sessions_device").on(table.userId, table.deviceId).where(sql`device_id is not null`),
      // The migration restricts ON DELETE SET NULL to device_id, which Drizzle cannot express.
      foreignKey({
        name: "user_sessions_device_fk",
        columns: [table.userId, table.deviceId],
        foreignColumns: [userDevices.userId, userDevices.id],
      }).onDelete("set null"),
      index("idx_sessions_revoked").on(table.revokedAt).where(sql`revoked_at is not null`),
      check("user_sessions_expires_at_check", sql`expires_at > created_at`),
      check("user_sessions_revocation_check", sql`revocation_reason is null or revoked_at is not null`),
      check("user_sessions_factors_check", sql`factors <@ array['password', 'totp', 'recovery_code', 'operator']`),
    ],
  ),
);
