import { and, eq, type SQL, sql } from "drizzle-orm";
import { type Actor, auditContextOf, type Executor, runWrite, setPreparedAuditContext } from "../database/index.ts";
import { userSecurity, userSessions, users } from "../schema/index.ts";
import { isActiveAccount, isLiveSession, userSessionColumns } from "./session-queries.ts";
import { sessionStage } from "./session-stage.ts";
import { type RefreshableSession, refreshable, type SessionLifetime } from "./session-start.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

export interface Rotation {
  readonly userId: string;
  readonly sessionId: string;
  /** The id of the token that was presented, and the id that its successor gets. */
  readonly tokenId: string;
  readonly successorId: string;
  readonly ofPlayers: SessionLifetime;
  readonly ofStaff: SessionLifetime;
  /** Time after a rotation within which the previous token gives the same successor (s); undefined: no limit. */
  readonly reuse: number | undefined;
}

/** The session with its current token; or why there is none: this call ended it (`reused`), or it had ended before. */
export type RotationResult =
  | { readonly outcome: "rotated" | "replayed"; readonly session: RefreshableSession }
  | { readonly outcome: "reused" | "ended"; readonly session?: undefined };

/** A replay later than this after the rotation is recorded (s). A lost answer is repeated sooner. */
const promptReplay = 60;

/**
 * Returns a function that rotates the refresh token of a live session in one statement, which is right for any number of
 * concurrent calls. The current token is replaced. Its predecessor leaves the session as it is, because its successor is
 * not used yet. Any older token ends the session: one of its two holders is not the owner (RFC 9700, 4.14.2).
 *
 * The function returns the session afterwards; undefined if it is not live or its account is not active.
 */
export function prepareRotation(db: Executor) {
  const statement = prepareStatement(db);
  return async (by: Actor, rotation: Rotation): Promise<RefreshableSession | undefined> => {
    const { ofPlayers, ofStaff, reuse = null, ...ids } = rotation;
    const values = {
      ...ids,
      reuse,
      playerLifetime: ofPlayers.lifetime,
      playerIdleTimeout: ofPlayers.idleTimeout,
      staffLifetime: ofStaff.lifetime,
      staffIdleTimeout: ofStaff.idleTimeout,
      auditContext: auditContextOf(by),
    };
    const [row] = await runWrite(db, () => statement.execute(values));
    if (row === undefined) return undefined;
    const { auditContext: _, ...session } = row;
    return session;
  };
}

/** Prepares the statement: to build its text takes as long as to execute it. */
function prepareStatement(db: Executor) {
  const userId = typedPlaceholder("userId", "uuid");
  const sessionId = typedPlaceholder("sessionId", "uuid");
  const tokenId = typedPlaceholder("tokenId", "uuid");
  const successorId = typedPlaceholder("successorId", "uuid");
  const reuse = typedPlaceholder("reuse", "float8");
  const { refreshTokenId, previousRefreshTokenId, rotatedAt, replayedAt, createdAt, expiresAt } = userSessions;
  const isCurrent = sql`${refreshTokenId} = ${tokenId}`;
  const isReusable = sql`(${reuse} is null or ${reuse} > 0 and now() <= ${rotatedAt} + make_interval(secs => ${reuse}))`;
  const isReplay = sql`(${previousRefreshTokenId} = ${tokenId} and ${isReusable}) is true`;
  const isLate = sql`now() > ${rotatedAt} + make_interval(secs => ${promptReplay}) and (${replayedAt} is null or ${replayedAt} < ${rotatedAt})`;
  const isReused = sql`not ${isCurrent} and not ${isReplay}`;
  const ofRole = (field: "Lifetime" | "IdleTimeout") =>
    sql`make_interval(secs => case when ${users.role} = 'user'
      then ${typedPlaceholder(`player${field}`, "float8")} else ${typedPlaceholder(`staff${field}`, "float8")} end)`;
  const whenCurrent = (change: SQL, column: unknown) => sql`case when ${isCurrent} then ${change} else ${column} end`;

  return db
    .update(userSessions)
    .set({
      refreshTokenId: whenCurrent(successorId, refreshTokenId),
      previousRefreshTokenId: whenCurrent(sql`${refreshTokenId}`, previousRefreshTokenId),
      rotatedAt: whenCurrent(sql`now()`, rotatedAt),
      lastActive: whenCurrent(sql`now()`, userSessions.lastActive),
      idleExpiresAt: whenCurrent(sql`now() + ${ofRole("IdleTimeout")}`, userSessions.idleExpiresAt),
      // Moves only when the role or the configuration has changed.
      expiresAt: sql`least(${expiresAt}, ${createdAt} + ${ofRole("Lifetime")})`,
      replayedAt: sql`case when ${isReplay} and ${isLate} then now() else ${replayedAt} end`,
      revokedAt: sql`case when ${isReused} then now() end`,
      revocationReason: sql`case when ${isReused} then 'refresh_token_reused' end`,
    })
    .from(users)
    .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
    .where(
      and(
        eq(userSessions.userId, userId),
        eq(userSessions.id, sessionId),
        isLiveSession,
        sql`${createdAt} + ${ofRole("Lifetime")} > now()`,
        sql`${userSessions.lastActive} + ${ofRole("IdleTimeout")} > now()`,
        eq(users.id, userId),
        isActiveAccount,
      ),
    )
    .returning({
      ...userSessionColumns,
      ...refreshable,
      stage: sessionStage,
      auditContext: setPreparedAuditContext,
    })
    .prepare("user_sessions_rotate");
}
