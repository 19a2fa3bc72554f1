import { sql } from "drizzle-orm";
import { boolean, check, index, jsonb, pgTable, uniqueIndex, uuid, varchar } from "drizzle-orm/pg-core";
import { byteOrder, createdAt, lower } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";

export const userStatuses = ["active", "suspended", "banned"] as const;
export const userRoles = ["user", "moderator", "admin"] as const;

/** Names of the constraints, unique indexes and triggers that PostgreSQL reports when a rule of `users` is violated. */
export const usersConstraints = {
  emailExact: "users_email_key",
  email: "idx_users_email",
  emailForm: "users_email_check",
  usernameExact: "users_username_key",
  username: "idx_users_username",
  usernameForm: "users_username_check",
  passwordHash: "users_password_hash_check",
  status: "users_status_check",
  role: "users_role_check",
  lastAdmin: "users_last_admin",
  metadata: "users_metadata_check",
  metadataKeys: "users_metadata_keys_check",
  metadataDepth: "users_metadata_depth_check",
  metadataSize: "users_metadata_size_check",
  metadataNumbers: "users_metadata_numbers_check",
  times: "users_times_check",
} as const;

const emailTaken = { field: "email", message: "This email is taken." };
const usernameTaken = { field: "username", message: "This username is taken." };

export const usersConstraintMessages: ConstraintMessages = {
  [usersConstraints.emailExact]: emailTaken,
  [usersConstraints.email]: emailTaken,
  [usersConstraints.emailForm]: { field: "email", message: "Must be an email address." },
  [usersConstraints.usernameExact]: usernameTaken,
  [usersConstraints.username]: usernameTaken,
  [usersConstraints.usernameForm]: {
    field: "username",
    message: "Must be 3 to 50 letters, digits, hyphens or underscores.",
  },
  [usersConstraints.passwordHash]: {
    field: "passwordHash",
    message: "Must be a password hash, such as $argon2id$…; never a password.",
  },
  [usersConstraints.status]: { field: "status", message: "Unknown status." },
  [usersConstraints.role]: { field: "role", message: "Unknown role." },
  [usersConstraints.lastAdmin]: {
    field: "role",
    message: "This is the last active administrator: appoint another one first.",
  },
  [usersConstraints.metadata]: { field: "metadata", message: "Must be a JSON object." },
  [usersConstraints.metadataKeys]: {
    field: "metadata",
    message: "Must not have the keys __proto__, constructor or prototype.",
  },
  [usersConstraints.metadataDepth]: { field: "metadata", message: "Must not nest deeper than 32 levels." },
  [usersConstraints.metadataSize]: { field: "metadata", message: "Must be smaller." },
  [usersConstraints.metadataNumbers]: {
    field: "metadata",
    message: "Must have numbers that JavaScript represents exactly: write others as strings.",
  },
  [usersConstraints.times]: timeRangeMessage,
};

/**
 * A player's account.
 *
 * - An email or a username belongs to one account, regardless of case, and also after a soft delete: a name in a game
 *   must not change its owner unnoticed.
 * - A trigger sets `updated_at`, which increases with every update and so serves as a version.
 * - `password_hash` is a hash in PHC, crypt or a framework's format. A plain password is refused.
 * - A trigger clears `email_verified` when the email changes, and another one protects the last active administrator.
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
      // The default order of users.list: newest first, the id between equal times. PostgreSQL sorts NULLS FIRST for
      // `order by … desc`, and an index with another NULLS order would not be used.
      index("idx_users_created")
        .on(table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
        .where(sql`deleted_at is null`),
      // Listings of moderators: one status or one role, newest first, and usernames with a common prefix.
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
