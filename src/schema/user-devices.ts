import { sql } from "drizzle-orm";
import { bigint, check, index, integer, pgTable, primaryKey, text, unique, uuid, varchar } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

export const userDevicesConstraintMessages: ConstraintMessages = {
  user_devices_token_hash_key: { field: "tokenHash", message: "Another device of the account has this token." },
  user_devices_token_hash_check: { field: "tokenHash", message: "Must be a SHA-256 in 64 hexadecimal digits." },
  user_devices_attempts_check: { field: "attempts", message: "Must be 0 or more, and at most attemptsTotal." },
  user_devices_times_check: timeRangeMessage,
};

/**
 * The devices that an account has signed in from. A device proves itself by a token of 256 random bits, of which the
 * table has the SHA-256. Its failed attempts are counted apart from those of strangers, so that an attack on an account
 * does not lock its owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
 */
export const userDevices = inPublic(
  pgTable(
    "user_devices",
    {
      id: uuid().notNull(),
      userId: uuid("user_id")
        .notNull()
        .references(() => users.id, { onDelete: "cascade" }),
      tokenHash: varchar("token_hash", { length: 64 }).notNull(),
      /** The name that the owner has given to the device. */
      name: varchar({ length: 50 }),
      userAgent: text("user_agent"),
      createdAt: createdAt(),
      lastUsedAt: instant("last_used_at").notNull(),
      expiresAt: instant("expires_at").notNull(),
      /** Wrong passwords from this device that no later success has forgiven. */
      attempts: integer().notNull().default(0),
      /** Every attempt that was ever counted. Its value is the ticket of an attempt. */
      attemptsTotal: bigint("attempts_total", { mode: "number" }).notNull().default(0),
      lastAttemptAt: instant("last_attempt_at"),
      failingSince: instant("failing_since"),
      lockedUntil: instant("locked_until"),
    },
    (table) => [
      primaryKey({ name: "user_devices_pkey", columns: [table.userId, table.id] }),
      unique("user_devices_token_hash_key").on(table.userId, table.tokenHash),
      index("idx_user_devices_expires").on(table.expiresAt),
      check("user_devices_token_hash_check", sql`token_hash ~ '^[0-9a-f]{64}$'`),
      check("user_devices_attempts_check", sql`attempts >= 0 and attempts <= attempts_total`),
    ],
  ),
);
