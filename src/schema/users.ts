import { sql } from "drizzle-orm";
import { boolean, check, index, jsonb, pgTable, uniqueIndex, uuid, varchar } from "drizzle-orm/pg-core";
import { byteOrder, createdAt, lower } from "./columns.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";

export const userStatuses = ["active", "suspended", "banned"] as const;
export const userRoles = ["user", "moderator", "admin"] as const;

/** Names by which PostgreSQL reports a broken rule of `users`; `database/errors.ts` reads them. */
export const usersConstraints = {
  emailExact: "users_email_key",
  email: "idx_users_email",
  usernameExact: "users_username_key",
  username: "idx_users_username",
  status: "users_status_check",
  role: "users_role_check",
  passwordHash: "users_password_hash_check",
  metadata: "users_metadata_check",
  metadataKeys: "users_metadata_keys_check",
  metadataDepth: "users_metadata_depth_check",
  metadataSize: "users_metadata_size_check",
  metadataNumbers: "users_metadata_numbers_check",
  emailForm: "users_email_check",
  usernameForm: "users_username_check",
  lastAdmin: "users_last_admin",
} as const;

/**
 * A player's account.
 *
 * - An email and a username belong to one account, whatever their case, also after a soft delete:
 *   a name in a game must not change hands in silence.
 * - `updated_at` is kept by a trigger and rises with every update, so that it can serve as a version.
 * - `password_hash` is a hash in PHC, crypt or a framework's form: a password in the clear is refused.
 * - A changed email is not verified any more. The last active administrator stays. Both by trigger.
 */
export const users = inPublic(
  pgTable(
    "users",
    {
      id: uuid().primaryKey().defaultRandom(),
      email: varchar({ length: 255 }).notNull().unique(usersConstraints.emailExact),
      username: varchar({ length: 50 }).notNull().unique(usersConstraints.usernameExact),
      passwordHash: varchar("password_hash", { length: 255 }).notNull(),
      emailVerified: boolean("email_verified").notNull().default(false),
      emailVerificationToken: varchar("email_verification_token", { length: 64 }),
      status: varchar({ length: 20, enum: userStatuses }).notNull().default("active"),
      role: varchar({ length: 20, enum: userRoles }).notNull().default("user"),
      createdAt: createdAt(),
      updatedAt: instant("updated_at").notNull().default(sql`CURRENT_TIMESTAMP`),
      lastLogin: instant("last_login"),
      deletedAt: instant("deleted_at"),
      metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    },
    (table) => [
      uniqueIndex(usersConstraints.email).on(lower(table.email)),
      uniqueIndex(usersConstraints.username).on(lower(table.username)),
      index("idx_users_status").on(table.status).where(sql`status <> 'active'`),
      // The order of users.list, newest first; the id decides between equal times. NULLS FIRST is what a
      // plain `order by … desc` asks for: an index that says otherwise would not be used.
      index("idx_users_created")
        .on(table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
        .where(sql`deleted_at is null`),
      // What moderators list: one status or role, newest first; usernames by how they begin.
      index("idx_users_status_created")
        .on(table.status, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
        .where(sql`deleted_at is null`),
      index("idx_users_role_created")
        .on(table.role, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
        .where(sql`deleted_at is null`),
      index("idx_users_username_order")
        .on(byteOrder(lower(table.username)))
        .where(sql`deleted_at is null`),
      index("idx_users_metadata").using("gin", sql`${table.metadata} jsonb_path_ops`),
      check(usersConstraints.emailForm, sql`email ~ '^[^@[:space:]]+@[^@[:space:]]+$'`),
      check(usersConstraints.usernameForm, sql`username ~ '^[A-Za-z0-9_-]{3,50}$'`),
      check(usersConstraints.metadataSize, sql`octet_length(metadata::text) <= 65536`),
      check(usersConstraints.metadataNumbers, sql`metadata::text !~ '[0-9.]{16}' or json_numbers_exact(metadata)`),
      check(usersConstraints.status, sql`status in ('active', 'suspended', 'banned')`),
      check(usersConstraints.role, sql`role in ('user', 'moderator', 'admin')`),
      check(
        usersConstraints.passwordHash,
        sql`password_hash ~ '^([$]([a-z0-9-]+|P|H)[$]|(argon2|bcrypt|pbkdf2|scrypt)[a-z0-9_:]*[$]|!$)'`,
      ),
      check(usersConstraints.metadata, sql`jsonb_typeof(metadata) = 'object'`),
      check(
        usersConstraints.metadataKeys,
        sql`coalesce(metadata @? 'strict $.** ? (@.type() == "object").keyvalue() ? (@.key == "__proto__" || @.key == "constructor" || @.key == "prototype")', true) = false`,
      ),
      check(usersConstraints.metadataDepth, sql`coalesce(metadata @? 'strict $.**{33 to last}', true) = false`),
    ],
  ),
);
