// Rows as callers get them: plain types, so that a frontend reads them without Drizzle's. What is not here does not
// leave the service.

export type UserRole = "user" | "moderator" | "admin";
export type UserStatus = "active" | "suspended" | "banned";

/** An account. */
export interface User {
  id: string;
  email: string;
  username: string;
  emailVerified: boolean;
  status: UserStatus;
  role: UserRole;
  metadata: Record<string, unknown>;
  createdAt: Date;
  /** The account's version, too: an update may say which it saw. */
  updatedAt: Date;
  lastLogin: Date | null;
}

/** What guards an account; its secrets stay where they are. */
export interface UserSecurity {
  userId: string;
  /** Failed attempts to sign in since the last that succeeded. */
  loginAttempts: number;
  lastAttemptAt: Date | null;
  lockedUntil: Date | null;
  twoFactorEnabled: boolean;
  passwordChangedAt: Date;
  mustChangePassword: boolean;
}

/** A signed-in device. */
export interface UserSession {
  id: string;
  userId: string;
  ipAddress: string | null;
  userAgent: string | null;
  expiresAt: Date;
  createdAt: Date;
  lastActive: Date;
  /** Set: ended early. */
  revokedAt: Date | null;
}

/** One row of the audit trail. */
export interface AuditEntry {
  id: string;
  /** Who acted: `user:<uuid>`, `service:<name>`, `system:<job>`, or `db:<role>` for a change made past the service. */
  actor: string;
  /** The account that acted; null for others, and once it is gone. */
  userId: string | null;
  /** `insert`, `update` or `delete` of a row; a word of the game's own, with a dot, for its events. */
  action: string;
  resourceType: string | null;
  resourceId: string | null;
  /** Of a row: `{column: [before, after]}`, a secret as `"[secret]"`. */
  changes: Record<string, unknown> | null;
  ipAddress: string | null;
  userAgent: string | null;
  requestId: string | null;
  createdAt: Date;
}

/** A session that lives, and whose it is. */
export interface LiveSession extends UserSession {
  username: string;
  role: UserRole;
}

/** One month of the audit trail. */
export interface AuditPartition {
  name: string;
  /** Its first moment; null: it has no lower bound. */
  from: Date | null;
  /** The first moment that is not in it any more; null for the last one, which takes every later row. */
  to: Date | null;
  /** As of the last ANALYZE; null before the first. */
  rows: number | null;
  bytes: number;
}
