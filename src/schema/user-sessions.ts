import { sql } from "drizzle-orm";
import { check, index, inet, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

export const userSessionsConstraintMessages: ConstraintMessages = {
  user_sessions_refresh_token_id_key: { field: "refreshTokenId", message: "Another session has this refresh token." },
  user_sessions_expires_at_check: { field: "expiresAt", message: "A session must expire after its creation." },
  user_sessions_times_check: timeRangeMessage,
};

/**
 * A signed-in device. `refresh_token_id` is the `jti` of the one valid refresh token (RFC 7519, 4.1.7); rotation
 * replaces it. Setting `revoked_at` ends the session immediately. `delete_expired_sessions` and
 * `delete_revoked_sessions` delete the rows later, in batches of limited size.
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
    },
    (table) => [
      index("idx_sessions_user").on(table.userId),
      index("idx_sessions_token").on(table.refreshTokenId),
      index("idx_sessions_expires").on(table.expiresAt),
      index("idx_sessions_revoked").on(table.revokedAt).where(sql`revoked_at is not null`),
      check("user_sessions_expires_at_check", sql`expires_at > created_at`),
    ],
  ),
);
