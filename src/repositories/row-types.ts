// Rows as callers receive them. They are plain types, so that a frontend needs no types of Drizzle. A column that is
// not here is not sent to clients.

export type UserRole = "user" | "moderator" | "admin";
/**
 * What a session is good for. `full`: every procedure that the account may call. `password_change`: until the account
 * has a new password. `enrolment`: until the session has a second factor, which moderators and administrators need (NIST
 * SP 800-63B-4, 2.2.1, AAL2).
 */
export type SessionStage = "full" | "password_change" | "enrolment";
export type AuthenticationFactor = "password" | "totp" | "recovery_code" | "operator";
export type RevocationReason =
  | "revoked"
  | "signed_out"
  | "session_limit"
  | "refresh_token_reused"
  | "password_changed"
  | "account_inactive";
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
  /** Also the account's version: an update can require the one that the caller read. */
  updatedAt: Date;
  lastLogin: Date | null;
}

/** The security state of an account, without its secrets. */
export interface UserSecurity {
  userId: string;
  /** Failed sign-in attempts since the last successful one. */
  loginAttempts: number;
  lastAttemptAt: Date | null;
  lockedUntil: Date | null;
  twoFactorEnabled: boolean;
  passwordChangedAt: Date;
  mustChangePassword: boolean;
}

/** A session of an account on one device. */
export interface UserSession {
  id: string;
  userId: string;
  ipAddress: string | null;
  userAgent: string | null;
  expiresAt: Date;
  createdAt: Date;
  lastActive: Date;
  /** Set if the session was ended before it expired. */
  revokedAt: Date | null;
  /** Why it was ended. */
  revocationReason: RevocationReason | null;
  /** The session ends at this time unless it is used. */
  idleExpiresAt: Date;
  /** The last proof of identity. */
  authenticatedAt: Date;
  /** The proofs by which the session was authenticated. */
  factors: AuthenticationFactor[];
  /** The device that was signed in from; null for a session of the command line, or after the device was forgotten. */
  deviceId: string | null;
  /** Failed attempts of the same bucket before the sign-in. */
  failures: number;
}

/** One row of the audit trail. */
export interface AuditEntry {
  id: string;
  /** The actor: `user:<uuid>`, `service:<name>`, `system:<job>`, or `db:<role>` for a change without the service. */
  actor: string;
  /** The account that acted; null for other actors and after the account is deleted. */
  userId: string | null;
  /** `insert`, `update` or `delete` of a row, or the name of a game's event, which contains a dot. */
  action: string;
  resourceType: string | null;
  resourceId: string | null;
  /** For a row `{column: [before, after]}`; a secret is `"[secret]"`. */
  changes: Record<string, unknown> | null;
  ipAddress: string | null;
  userAgent: string | null;
  requestId: string | null;
  /** The account that acted, also after it is deleted. */
  actingId: string | null;
  /** The account that the row is about, also after it is deleted. */
  subjectId: string | null;
  createdAt: Date;
}

/** A session that is neither revoked nor expired, with its account. */
export interface LiveSession extends UserSession {
  username: string;
  role: UserRole;
  /** What the session is good for. */
  stage: SessionStage;
}

/** One month of the audit trail. */
export interface AuditPartition {
  name: string;
  /** Its inclusive lower bound; null if it has none. */
  from: Date | null;
  /** Its exclusive upper bound; null for the last partition, which holds every later row. */
  to: Date | null;
  /** Estimate of the last ANALYZE; null before the first. */
  rows: number | null;
  bytes: number;
}
