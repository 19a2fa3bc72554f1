import { getTableColumns, getTableName } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import {
  auditCheckpoints,
  auditLeaves,
  auditLog,
  auditSequencer,
  auditTree,
  challenges,
  rateLimits,
  userDevices,
  userSecurity,
  userSessions,
  users,
} from "../schema/index.ts";

/** A privilege on a table's columns, a whole table, a sequence, a function or a schema. */
export interface Privilege {
  readonly kind: "table" | "sequence" | "function" | "schema";
  /** The schema of the object, or the schema itself. */
  readonly schema: string;
  /** The name of a table, a sequence or a function; null for a schema. No function of the service is overloaded. */
  readonly name: string | null;
  readonly column: string | null;
  readonly privilege: "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "EXECUTE" | "USAGE";
}

/** Fields of a table, and whether rows are deleted. */
interface TableUse<Table extends PgTable> {
  readonly select: "all" | readonly Field<Table>[];
  readonly insert?: "all" | readonly Field<Table>[];
  readonly update?: readonly Field<Table>[];
  readonly delete?: true;
}

type Field<Table extends PgTable> = keyof Table["_"]["columns"] & string;

/**
 * What the service's role may do: all that the service, its jobs and its commands need, and nothing else.
 *
 * Nobody has to be granted what triggers do with the rights of the owner. Drizzle's INSERT names every column of a table,
 * also those that have their default; a whole row is read by functions that return or copy it.
 */
export const servicePrivileges: readonly Privilege[] = [
  ...onSchema("public"),
  ...onTable(users, {
    select: "all",
    insert: "all",
    update: [
      // An empty change sets the id to itself.
      "id",
      "email",
      "username",
      "passwordHash",
      "emailVerified",
      "status",
      "role",
      "lastLogin",
      "deletedAt",
      "metadata",
    ],
    delete: true,
  }),
  ...onTable(userSecurity, {
    select: "all",
    // By the trigger that makes the row of a new account.
    insert: ["userId"],
    update: [
      "loginAttempts",
      "lastAttemptAt",
      "lockedUntil",
      "twoFactorEnabled",
      "twoFactorSecret",
      "recoveryCodes",
      "twoFactorLastStep",
      "twoFactorPendingSecret",
      "twoFactorPendingSince",
      "passwordChangedAt",
      "mustChangePassword",
      "attemptsTotal",
      "failingSince",
      "codeAttempts",
      "codeAttemptsTotal",
      "codeLockedUntil",
    ],
  }),
  ...onTable(userSessions, {
    select: "all",
    insert: [
      "id",
      "userId",
      "refreshTokenId",
      "ipAddress",
      "userAgent",
      "expiresAt",
      "idleExpiresAt",
      "factors",
      "deviceId",
      "failures",
    ],
    update: [
      "refreshTokenId",
      "expiresAt",
      "lastActive",
      "revokedAt",
      "revocationReason",
      "idleExpiresAt",
      "authenticatedAt",
      "factors",
      "previousRefreshTokenId",
      "rotatedAt",
      "replayedAt",
    ],
    delete: true,
  }),
  ...onTable(userDevices, {
    select: [
      "id",
      "userId",
      "tokenHash",
      "name",
      "userAgent",
      "createdAt",
      "lastUsedAt",
      "expiresAt",
      "attempts",
      "attemptsTotal",
      "failingSince",
      "lockedUntil",
    ],
    insert: ["id", "userId", "tokenHash", "userAgent", "lastUsedAt", "expiresAt"],
    update: [
      "tokenHash",
      "name",
      "lastUsedAt",
      "expiresAt",
      "attempts",
      "attemptsTotal",
      "lastAttemptAt",
      "failingSince",
      "lockedUntil",
    ],
    delete: true,
  }),
  ...onTable(challenges, {
    select: "all",
    insert: "all",
    // Locking a row requires the privilege to update one of its columns.
    update: ["expiresAt"],
    delete: true,
  }),
  ...onTable(rateLimits, {
    select: "all",
    insert: "all",
    update: ["count", "expiresAt"],
    delete: true,
  }),
  // Neither id nor time: the database sets them. Nor any change: the trail only grows.
  ...onTable(auditLog, {
    select: "all",
    insert: [
      "userId",
      "action",
      "resourceType",
      "resourceId",
      "changes",
      "ipAddress",
      "userAgent",
      "actor",
      "requestId",
      "actingId",
      "subjectId",
    ],
  }),
  // Leaves are added by sequence_audit_log; nodes and checkpoints only grow.
  ...onTable(auditLeaves, { select: "all" }),
  ...onTable(auditTree, { select: "all", insert: "all" }),
  ...onTable(auditCheckpoints, { select: "all", insert: "all" }),
  { kind: "sequence", schema: "public", name: "audit_log_sequence", column: null, privilege: "USAGE" },
  ...onTable(auditSequencer, {
    select: ["id", "size", "xid", "sequence", "movedAt", "systemIdentifier", "intakeCreatedAt", "intakeId"],
  }),
  ...onFunctions([
    // Called by CHECK constraints of users.
    "json_numbers_exact",
    // Sign-in.
    "take_attempt",
    "fail_attempt",
    "forgive_attempt",
    "attempt_lock",
    "count_event",
    "address_networks",
    "count_address",
    "forgive_address",
    "take_code_attempt",
    "forgive_code_attempt",
    "count_recovery_attempt",
    "create_user_session",
    // Jobs.
    "delete_expired_sessions",
    "delete_revoked_sessions",
    "end_expired_enrolments",
    "refresh_change_recorders",
    "create_audit_log_partitions",
    "prepare_audit_log_beyond",
    "create_audit_leaves_partitions",
    "sequence_audit_log",
    // State of the trail.
    "audit_log_bounds",
    "audit_log_runway",
    "audit_log_problems",
    "audit_log_order",
    "audit_order_problems",
    "audit_trail_gaps",
  ]),
  // Which migrations are applied.
  ...onSchema("drizzle"),
  { kind: "table", schema: "drizzle", name: "__drizzle_migrations", column: "created_at", privilege: "SELECT" },
];

function onTable<Table extends PgTable>(table: Table, use: TableUse<Table>): Privilege[] {
  const columns = getTableColumns(table as PgTable);
  const on = (privilege: Privilege["privilege"], column: string | null): Privilege => ({
    ...{ kind: "table", schema: "public", name: getTableName(table), column, privilege },
  });
  const onColumns = (privilege: Privilege["privilege"], fields: "all" | readonly string[] = []) =>
    Object.entries(columns)
      .filter(([field]) => fields === "all" || fields.includes(field))
      .map(([, { name }]) => on(privilege, name));
  return [
    ...onColumns("SELECT", use.select),
    ...onColumns("INSERT", use.insert),
    ...onColumns("UPDATE", use.update),
    ...(use.delete ? [on("DELETE", null)] : []),
  ];
}

function onFunctions(names: readonly string[]): Privilege[] {
  return names.map((name) => ({ kind: "function", schema: "public", name, column: null, privilege: "EXECUTE" }));
}

function onSchema(schema: string): Privilege[] {
  return [{ kind: "schema", schema, name: null, column: null, privilege: "USAGE" }];
}
