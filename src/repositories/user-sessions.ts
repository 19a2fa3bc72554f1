import { and, eq, isNull, ne, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { type Actor, runWrite, setAuditContext } from "../database/index.ts";
import { userSessions } from "../schema/index.ts";
import { Repository } from "./base.ts";
import type { Definition, RepositoryServices } from "./definition.ts";
import type { AuthenticationFactor, LiveSession, RevocationReason, UserSession } from "./row-types.ts";
import { type AccountAndSession, isLiveSession, prepareSessionQueries, userSessionColumns } from "./session-queries.ts";
import { prepareRotation, type Rotation, type RotationResult } from "./session-rotation.ts";
import { type NewSession, prepareSessionStart, type RefreshableSession } from "./session-start.ts";
import type { WrittenRow } from "./written-row.ts";

export const userSessionDefinition: Definition<typeof userSessions, UserSession> = {
  table: userSessions,
  key: userSessions.id,
  noun: "session",
  columns: userSessionColumns,
  indexPaths: [
    { equal: ["id"], selective: true },
    { equal: ["userId"], selective: true },
  ],
  defaultSort: { field: "lastActive", direction: "desc" },
};

/** Sessions that one statement of a clean-up deletes. A small number keeps its row locks short. */
const cleanUpBatch = 1_000;

const now = sql`now()`;

/** Sessions of accounts. Every query has the user id, so that the table can be distributed by it. */
export class UserSessionRepository extends Repository<typeof userSessions, UserSession> {
  #queries: ReturnType<typeof prepareSessionQueries> | undefined;
  #rotate: ReturnType<typeof prepareRotation> | undefined;
  #start: ReturnType<typeof prepareSessionStart> | undefined;

  constructor(services: RepositoryServices) {
    super(services, userSessionDefinition);
  }

  /** The session, if it is not revoked or expired and its account is active. */
  findLive(userId: string, id: string): Promise<WrittenRow<LiveSession> | undefined> {
    return this.#prepared.live({ userId, id });
  }

  /** The account of an access token, deleted or not, with the token's session; undefined if there is no such account. */
  findForAdmission(userId: string, sessionId: string): Promise<AccountAndSession | undefined> {
    return this.#prepared.admission({ userId, sessionId });
  }

  /** Revokes a session. @throws {NotFoundError} if the account has no session of this id, or it is revoked already */
  async revoke(by: Actor, userId: string, id: string, reason: RevocationReason = "revoked"): Promise<UserSession> {
    const condition = and(eq(userSessions.userId, userId), eq(userSessions.id, id), isNull(userSessions.revokedAt));
    return this.found(await this.change(by, condition, revocation(reason)));
  }

  /** Revokes all live sessions of an account, or all but one. @returns their number */
  async revokeAll(
    by: Actor,
    userId: string,
    { except, reason = "revoked" }: { except?: string | undefined; reason?: RevocationReason } = {},
  ): Promise<number> {
    const others = except === undefined ? undefined : ne(userSessions.id, except);
    const condition = and(eq(userSessions.userId, userId), isLiveSession, others);
    return (await this.change(by, condition, revocation(reason))).length;
  }

  /**
   * Starts a session. Beyond its limit, the least recently used ones end.
   *
   * @returns undefined if the account is not active, its password was changed meanwhile, it has a second factor that the
   *   session lacks, or the challenge is not there any more
   */
  start(by: Actor, session: NewSession): Promise<RefreshableSession | undefined> {
    this.#start ??= prepareSessionStart(this.db);
    return this.#start(by, { ...session, id: uuidv7(), tokenId: uuidv7() });
  }

  /** Rotates the refresh token of a session. A repeated rotation gives the session with the same successor again. */
  async rotate(by: Actor, rotation: Omit<Rotation, "successorId">): Promise<RotationResult> {
    this.#rotate ??= prepareRotation(this.db);
    const successorId = uuidv7();
    const session = await this.#rotate(by, { ...rotation, successorId });
    if (session === undefined) return { outcome: "ended" };
    if (session.revokedAt !== null) return { outcome: "reused" };
    return { outcome: session.refreshTokenId === successorId ? "rotated" : "replayed", session };
  }

  /** Records that the owner has proved their identity now. @returns whether the session is live */
  async authenticate(
    by: Actor,
    userId: string,
    id: string,
    factors: readonly AuthenticationFactor[],
  ): Promise<boolean> {
    const condition = and(eq(userSessions.userId, userId), eq(userSessions.id, id), isLiveSession);
    const list = sql`string_to_array(${factors.join(",")}, ',')`;
    const change = {
      authenticatedAt: now,
      factors: sql`array(select distinct unnest(${userSessions.factors} || ${list}) order by 1)`,
    };
    return (await this.change(by, condition, change)).length > 0;
  }

  /**
   * Deletes expired sessions, and sessions that were revoked long ago, in batches.
   *
   * @param options.most maximum number of sessions, rounded up to a whole batch
   * @returns the numbers deleted, and whether there may be more
   */
  async cleanUp(by: Actor, { most = 100_000 } = {}): Promise<{ expired: number; revoked: number; more: boolean }> {
    const expired = await this.#deleteUpTo(by, most, sql`public.delete_expired_sessions(${cleanUpBatch})`);
    const revoked = await this.#deleteUpTo(
      by,
      most - expired,
      sql`public.delete_revoked_sessions(batch_size => ${cleanUpBatch})`,
    );
    return { expired, revoked, more: expired + revoked >= most };
  }

  async #deleteUpTo(by: Actor, most: number, statement: ReturnType<typeof sql>): Promise<number> {
    let deleted = 0;
    while (deleted < most) {
      const [row] = await runWrite(this.db, async () =>
        this.db.execute(sql`select ${setAuditContext(by)}, ${statement} as deleted`),
      );
      deleted += Number(row?.["deleted"]);
      if (Number(row?.["deleted"]) < cleanUpBatch) break;
    }
    return deleted;
  }

  get #prepared() {
    this.#queries ??= prepareSessionQueries(this.db);
    return this.#queries;
  }
}

const revocation = (reason: RevocationReason) => ({ revokedAt: now, revocationReason: reason });
