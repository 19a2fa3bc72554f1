import { sql } from "drizzle-orm";
import { bigint, check, index, inet, integer, pgTable, primaryKey, uuid, varchar } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

export const challengesConstraintMessages: ConstraintMessages = {
  challenges_token_hash_check: { field: "tokenHash", message: "Must be a SHA-256 in 64 hexadecimal digits." },
  challenges_bucket_check: { field: "bucket", message: "Must be device or stranger." },
  challenges_times_check: timeRangeMessage,
};

/**
 * Sign-ins whose password was right and that wait for a second factor. A row has the ticket of the password's attempt,
 * which is forgiven only when the whole sign-in succeeds. Changes are not recorded: the session is.
 */
export const challenges = inPublic(
  pgTable(
    "challenges",
    {
      userId: uuid("user_id")
        .notNull()
        .references(() => users.id, { onDelete: "cascade" }),
      tokenHash: varchar("token_hash", { length: 64 }).notNull(),
      bucket: varchar({ length: 10, enum: ["device", "stranger"] }).notNull(),
      deviceId: uuid("device_id"),
      ticket: bigint({ mode: "number" }).notNull(),
      failures: integer().notNull(),
      login: varchar({ length: 64 }).notNull(),
      ipAddress: inet("ip_address"),
      // Of the password that was right: another one ends the sign-in.
      passwordChangedAt: instant("password_changed_at").notNull(),
      createdAt: createdAt(),
      expiresAt: instant("expires_at").notNull().default(sql`CURRENT_TIMESTAMP + interval '5 minutes'`),
    },
    (table) => [
      primaryKey({ name: "challenges_pkey", columns: [table.userId, table.tokenHash] }),
      index("idx_challenges_expires").on(table.expiresAt),
      check("challenges_token_hash_check", sql`token_hash ~ '^[0-9a-f]{64}$'`),
      check("challenges_bucket_check", sql`bucket in ('device', 'stranger')`),
    ],
  ),
);
