import { and, eq, gt, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { userSecurity, userSessions, users } from "../schema/index.ts";
import { createLookup } from "./lookup.ts";
import type { LiveSession, SessionStage, UserRole, UserStatus } from "./row-types.ts";
import { recentlyAuthenticated, sessionStage } from "./session-stage.ts";
import { createWrittenLookup } from "./written-row.ts";

/** The columns of a session that callers read. The ids of its refresh tokens are not among them. */
export const userSessionColumns = {
  id: userSessions.id,
  userId: userSessions.userId,
  ipAddress: userSessions.ipAddress,
  userAgent: userSessions.userAgent,
  expiresAt: userSessions.expiresAt,
  createdAt: userSessions.createdAt,
  lastActive: userSessions.lastActive,
  revokedAt: userSessions.revokedAt,
  revocationReason: userSessions.revocationReason,
  idleExpiresAt: userSessions.idleExpiresAt,
  authenticatedAt: userSessions.authenticatedAt,
  factors: userSessions.factors,
  deviceId: userSessions.deviceId,
  failures: userSessions.failures,
};

/** A session that is neither revoked nor expired. */
export const isLiveSession = and(
  isNull(userSessions.revokedAt),
  gt(userSessions.expiresAt, sql`now()`),
  gt(userSessions.idleExpiresAt, sql`now()`),
) as SQL;

/** An account whose sessions may be used. */
export const isActiveAccount = and(eq(users.status, "active"), isNull(users.deletedAt)) as SQL;

/** The account of an access token and the session that the token names. */
export interface AccountAndSession {
  readonly userId: string;
  /** Of the token. */
  readonly sessionId: string;
  readonly role: UserRole;
  readonly status: UserStatus;
  readonly deleted: boolean;
  /** Null if the account has no such session, or it has ended. */
  readonly stage: SessionStage | null;
  /** Whether its owner has proved their identity within the last 10 minutes. */
  readonly recentlyAuthenticated: boolean | null;
}

/** Prepares the look-ups of single sessions, which most calls need. */
export function prepareSessionQueries(db: Executor) {
  return {
    live: createWrittenLookup<"userId" | "id", LiveSession>(db, {
      name: "user_sessions_live",
      key: ["userId", "id"],
      columns: { ...userSessionColumns, username: users.username, role: users.role, stage: sessionStage.as("stage") },
      find: ({ userId, id }, fields) =>
        db
          .select(fields)
          .from(userSessions)
          .innerJoin(users, eq(users.id, userSessions.userId))
          .innerJoin(userSecurity, eq(userSecurity.userId, userSessions.userId))
          .where(and(eq(userSessions.userId, userId), eq(userSessions.id, id), isLiveSession, isActiveAccount))
          .limit(1),
    }),
    admission: createLookup<"userId" | "sessionId", AccountAndSession>(db, {
      name: "user_sessions_admission",
      key: ["userId", "sessionId"],
      find: ({ userId, sessionId }) =>
        db
          .select({
            userId: users.id,
            sessionId: sql<string>`${sessionId}::uuid`.as("session_id"),
            role: users.role,
            status: users.status,
            deleted: sql<boolean>`${isNotNull(users.deletedAt)}`.as("deleted"),
            stage: sql<SessionStage | null>`case when ${userSessions.id} is not null then ${sessionStage} end`.as(
              "stage",
            ),
            recentlyAuthenticated: sql<boolean | null>`${recentlyAuthenticated}`.as("recently_authenticated"),
          })
          .from(users)
          .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
          .leftJoin(userSessions, and(eq(userSessions.userId, users.id), eq(userSessions.id, sessionId), isLiveSession))
          .where(eq(users.id, userId))
          .limit(1),
    }),
  };
}
