import { eq, type SQL, sql } from "drizzle-orm";
import { type Actor, auditContextOf, type Executor, runWrite } from "../database/index.ts";
import { challenges, userSecurity, userSessions, users } from "../schema/index.ts";
import { type AttemptTicket, deviceOf } from "./attempts.ts";
import { isChallenge } from "./challenges.ts";
import type { AuthenticationFactor, SessionStage, UserSession } from "./row-types.ts";
import { userSessionColumns } from "./session-queries.ts";
import { sessionStage } from "./session-stage.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

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
  /** The attempt that has succeeded: it is forgiven, and the failures before it are told. */
  readonly ticket?: AttemptTicket | undefined;
  /** When the password that was checked had been changed (ISO 8601). A challenge knows its own, and an operator needs none. */
  readonly passwordChangedAt?: string | undefined;
  /** SHA-256 of the challenge that the sign-in completes (hexadecimal). Of two calls at once with it, one succeeds. */
  readonly challengeHash?: string | undefined;
}

/** A session with what its refresh token is made of. */
export interface RefreshableSession extends UserSession {
  readonly refreshTokenId: string;
  /** The time of the last rotation; null before the first. */
  readonly rotatedAt: Date | null;
  /** What the session is good for. */
  readonly stage: SessionStage;
}

/** The columns of a session that its refresh token is made of. */
export const refreshable = { refreshTokenId: userSessions.refreshTokenId, rotatedAt: userSessions.rotatedAt };

/**
 * Returns a function that starts a session in one statement: it takes the challenge, inserts the session with its device,
 * ends sessions beyond the limit and forgives the attempt.
 *
 * The function returns undefined if the account is not active, its password was changed meanwhile, it has a second factor
 * that the session lacks, or the challenge is not there any more.
 */
export function prepareSessionStart(db: Executor) {
  const statement = prepareStatement(db);
  return async (
    by: Actor,
    session: NewSession & { readonly id: string; readonly tokenId: string },
  ): Promise<RefreshableSession | undefined> => {
    const { id, tokenId, userId, factors, lifetime, idleTimeout, limit, device, ticket } = session;
    const values = {
      ...{ id, tokenId, userId, lifetime, idleTimeout, limit },
      auditContext: auditContextOf(by),
      factors: factors.join(","),
      ipAddress: session.ipAddress ?? null,
      userAgent: session.userAgent ?? null,
      deviceId: device?.id ?? null,
      deviceTokenHash: device?.tokenHash ?? null,
      challengeHash: session.challengeHash ?? null,
      passwordChangedAt: session.passwordChangedAt ?? null,
      failures: ticket?.failures ?? 0,
      attempt: ticket?.number ?? null,
      attemptDeviceId: ticket === undefined ? null : deviceOf(ticket),
      attemptIpAddress: ticket?.ipAddress ?? null,
      login: ticket?.login ?? null,
    };
    const [row] = await runWrite(db, () => statement.execute(values));
    if (row === undefined) return undefined;
    const { forgiven: _, ...started } = row;
    return started as RefreshableSession;
  };
}

function prepareStatement(db: Executor) {
  const context = typedPlaceholder("auditContext", "text");
  const userId = typedPlaceholder("userId", "uuid");
  const challengeHash = typedPlaceholder("challengeHash", "text");
  const attempt = typedPlaceholder("attempt", "bigint");
  const seconds = (name: string) => sql`make_interval(secs => ${typedPlaceholder(name, "float8")})`;
  const taken = db
    .$with("taken")
    .as(
      db
        .delete(challenges)
        .where(isChallenge(userId, challengeHash))
        .returning({ userId: challenges.userId, passwordChangedAt: challenges.passwordChangedAt }),
    );
  // The session depends on the row of `admitted`, so that there is none without the challenge. A WITH query runs once,
  // whatever the order of joins that the planner chooses.
  const started = db.$with("user_sessions", {}).as(sql`select started.* from
    (select ${userId} as id, ${typedPlaceholder("passwordChangedAt", "timestamptz")} as password_changed_at
      where ${challengeHash} is null union all select user_id, password_changed_at from taken) as admitted
    cross join lateral public.create_user_session(${context}, ${typedPlaceholder("id", "uuid")}, admitted.id,
      ${typedPlaceholder("tokenId", "uuid")}, string_to_array(${typedPlaceholder("factors", "text")}, ','),
      ${seconds("lifetime")}, ${seconds("idleTimeout")}, ${typedPlaceholder("ipAddress", "inet")},
      ${typedPlaceholder("userAgent", "text")}, ${typedPlaceholder("limit", "integer")},
      ${typedPlaceholder("deviceId", "uuid")}, ${typedPlaceholder("deviceTokenHash", "text")},
      ${typedPlaceholder("failures", "integer")}, admitted.password_changed_at) as started`);
  const forgiven = sql`case when ${attempt} is not null then
    public.forgive_attempt(${context}, ${userSessions.userId}, ${typedPlaceholder("attemptDeviceId", "uuid")}, ${attempt},
      ${typedPlaceholder("attemptIpAddress", "inet")}, ${typedPlaceholder("login", "text")})::text end`;
  return db
    .with(taken, started)
    .select({ ...fields, stage: sessionStage, forgiven })
    .from(sql`user_sessions`)
    .innerJoin(users, sql`${users.id} = ${userSessions.userId}`)
    .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
    .prepare("user_sessions_start");
}

/** Drizzle refuses the columns of a table that is not in FROM, but not expressions of them. */
const fields: Readonly<Record<string, SQL>> = Object.fromEntries(
  Object.entries({ ...userSessionColumns, ...refreshable }).map(([name, column]) => [
    name,
    sql`${column}`.mapWith(column),
  ]),
);
