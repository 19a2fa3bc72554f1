import { eq, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Actor, auditContextOf, type Executor, runWrite } from "../database/index.ts";
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

type SessionColumns = Readonly<Record<string, PgColumn>>;

/** The columns of a session that its refresh token is made of. */
export const refreshable = { refreshTokenId: userSessions.refreshTokenId, rotatedAt: userSessions.rotatedAt };

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
      .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
      .prepare("user_sessions_start")
      .execute(),
  );
  return row as RefreshableSession | undefined;
}
