import { and, eq, isNull, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Actor, auditContextOf, type Executor, runWrite, setAuditContext } from "../database/index.ts";
import { userSecurity, userSessions, users } from "../schema/index.ts";
import type { AuthenticationFactor, SessionStage, UserSession } from "./row-types.ts";
import { sessionStage } from "./session-stage.ts";

/** How long a session lasts (s). */
export interface SessionLifetime {
  readonly lifetime: number;
  /** Time without use after which it ends. */
  readonly idleTimeout: number;
}

export interface NewSession extends SessionLifetime {
  readonly userId: string;
  readonly factors: readonly AuthenticationFactor[];
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Sessions of the account; a further one ends the least recently used. */
  readonly limit: number;
  /** The device that is signed in from: a known one, or a new one with the hash of its token. */
  readonly device?: { readonly id: string; readonly tokenHash: string } | undefined;
  /** Failed attempts before the sign-in. */
  readonly failures?: number;
}

/** A session with what its refresh token is made of. */
export interface RefreshableSession extends UserSession {
  readonly refreshTokenId: string;
  /** The time of the last rotation; null before the first. */
  readonly rotatedAt: Date | null;
  /** What the session is good for. */
  readonly stage: SessionStage;
}

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

/** A replay later than this after the rotation is recorded (s). A lost answer is repeated sooner. */
const promptReplay = 60;

type SessionColumns = Readonly<Record<string, PgColumn>>;

const refreshable = { refreshTokenId: userSessions.refreshTokenId, rotatedAt: userSessions.rotatedAt };
const seconds = (count: number): SQL => sql`make_interval(secs => ${count}::float8)`;

/** Inserts a session. @returns undefined if the account is not active */
export async function startSession(
  db: Executor,
  columns: SessionColumns,
  { by, id, tokenId, session }: { by: Actor; id: string; tokenId: string; session: NewSession },
): Promise<RefreshableSession | undefined> {
  const { userId, factors, lifetime, idleTimeout, ipAddress, userAgent, limit, device, failures = 0 } = session;
  const started = sql`public.create_user_session(${auditContextOf(by)}, ${id}::uuid, ${userId}::uuid, ${tokenId}::uuid,
    string_to_array(${factors.join(",")}, ','), ${seconds(lifetime)}, ${seconds(idleTimeout)},
    ${ipAddress ?? null}::inet, ${userAgent ?? null}::text, ${limit}::integer,
    ${device?.id ?? null}::uuid, ${device?.tokenHash ?? null}, ${failures}::integer) as user_sessions`;
  // Drizzle refuses the columns of a table that is not in FROM, but not expressions of them.
  const fields = Object.fromEntries(
    Object.entries({ ...columns, ...refreshable }).map(([name, column]) => [name, sql`${column}`.mapWith(column)]),
  );
  const [row] = await runWrite(db, async () =>
    db
      .select({ ...fields, stage: sessionStage })
      .from(started)
      .innerJoin(users, sql`${users.id} = ${userSessions.userId}`)
      .innerJoin(userSecurity, eq(userSecurity.userId, users.id)),
  );
  return row as RefreshableSession | undefined;
}

/**
 * Rotates the refresh token of a live session in one statement, which is right for any number of concurrent calls. The
 * current token is replaced. Its predecessor leaves the session as it is, because its successor is not used yet. Any
 * older token ends the session: one of its two holders is not the owner (RFC 9700, 4.14.2).
 *
 * @returns the session afterwards; undefined if it is not live or its account is not active
 */
export async function rotateRefreshToken(
  db: Executor,
  columns: SessionColumns,
  { by, live, rotation }: { by: Actor; live: SQL; rotation: Rotation },
): Promise<RefreshableSession | undefined> {
  const { userId, sessionId, tokenId, successorId, ofPlayers, ofStaff, reuse } = rotation;
  const { refreshTokenId, previousRefreshTokenId, rotatedAt, replayedAt, createdAt, expiresAt } = userSessions;
  const isCurrent = sql`${refreshTokenId} = ${tokenId}::uuid`;
  const isReusable =
    reuse === undefined ? sql`true` : reuse === 0 ? sql`false` : sql`now() <= ${rotatedAt} + ${seconds(reuse)}`;
  const isReplay = sql`(${previousRefreshTokenId} = ${tokenId}::uuid and ${isReusable}) is true`;
  const isLate = sql`now() > ${rotatedAt} + ${seconds(promptReplay)} and (${replayedAt} is null or ${replayedAt} < ${rotatedAt})`;
  const isReused = sql`not ${isCurrent} and not ${isReplay}`;
  const ofRole = (field: keyof SessionLifetime) =>
    sql`case when ${users.role} = 'user' then ${seconds(ofPlayers[field])} else ${seconds(ofStaff[field])} end`;
  const whenCurrent = (value: SQL, column: unknown) => sql`case when ${isCurrent} then ${value} else ${column} end`;

  const rows = await runWrite(db, async () =>
    db
      .update(userSessions)
      .set({
        refreshTokenId: whenCurrent(sql`${successorId}::uuid`, refreshTokenId),
        previousRefreshTokenId: whenCurrent(sql`${refreshTokenId}`, previousRefreshTokenId),
        rotatedAt: whenCurrent(sql`now()`, rotatedAt),
        lastActive: whenCurrent(sql`now()`, userSessions.lastActive),
        idleExpiresAt: whenCurrent(sql`now() + ${ofRole("idleTimeout")}`, userSessions.idleExpiresAt),
        // Moves only when the role or the configuration has changed.
        expiresAt: sql`least(${expiresAt}, ${createdAt} + ${ofRole("lifetime")})`,
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
          live,
          sql`${createdAt} + ${ofRole("lifetime")} > now()`,
          eq(users.id, userId),
          eq(users.status, "active"),
          isNull(users.deletedAt),
        ),
      )
      .returning({ ...columns, ...refreshable, stage: sessionStage, auditContext: setAuditContext(by) } as never),
  );
  return (rows as RefreshableSession[])[0];
}
