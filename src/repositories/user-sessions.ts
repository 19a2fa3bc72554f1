import { and, eq, gt, isNull, ne, sql } from "drizzle-orm";
import { type Actor, runWrite, setAuditContext } from "../database/index.ts";
import { userSessions, users } from "../schema/index.ts";
import { Repository } from "./base.ts";
import type { Definition, RepositoryServices } from "./definition.ts";
import type { LiveSession, UserSession } from "./row-types.ts";

export const userSessionDefinition: Definition<typeof userSessions, UserSession> = {
  table: userSessions,
  key: userSessions.id,
  noun: "session",
  // The id of the refresh token is not read.
  columns: {
    id: userSessions.id,
    userId: userSessions.userId,
    ipAddress: userSessions.ipAddress,
    userAgent: userSessions.userAgent,
    expiresAt: userSessions.expiresAt,
    createdAt: userSessions.createdAt,
    lastActive: userSessions.lastActive,
    revokedAt: userSessions.revokedAt,
  },
  indexPaths: [
    { equal: ["id"], selective: true },
    { equal: ["userId"], selective: true },
  ],
  defaultSort: { field: "lastActive", direction: "desc" },
};

/** Sessions that one statement of a clean-up deletes. A small number keeps its row locks short. */
const cleanUpBatch = 1_000;

const live = and(isNull(userSessions.revokedAt), gt(userSessions.expiresAt, sql`now()`));

/** Sessions of accounts. Every query has the user id, so that the table can be distributed by it. */
export class UserSessionRepository extends Repository<typeof userSessions, UserSession> {
  #check: ReturnType<UserSessionRepository["prepareCheck"]> | undefined;

  constructor(services: RepositoryServices) {
    super(services, userSessionDefinition);
  }

  /** The session, if it is not revoked or expired and its account is active. */
  async findLive(userId: string, id: string): Promise<LiveSession | undefined> {
    this.#check ??= this.prepareCheck();
    const [session] = await this.#check.execute({ userId, id });
    return session;
  }

  /** Revokes a session. @throws {NotFoundError} if the account has no session of this id, or it is revoked already */
  async revoke(by: Actor, userId: string, id: string): Promise<UserSession> {
    const condition = and(eq(userSessions.userId, userId), eq(userSessions.id, id), isNull(userSessions.revokedAt));
    return this.found(await this.change(by, condition, { revokedAt: sql`now()` }));
  }

  /** Revokes all live sessions of an account, or all but one. @returns their number */
  async revokeAll(by: Actor, userId: string, { except }: { except?: string | undefined } = {}): Promise<number> {
    const others = except === undefined ? undefined : ne(userSessions.id, except);
    const condition = and(eq(userSessions.userId, userId), live, others);
    return (await this.change(by, condition, { revokedAt: sql`now()` })).length;
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

  private prepareCheck() {
    return this.db
      .select({ ...userSessionDefinition.columns, username: users.username, role: users.role })
      .from(userSessions)
      .innerJoin(users, eq(users.id, userSessions.userId))
      .where(
        and(
          eq(userSessions.userId, sql.placeholder("userId")),
          eq(userSessions.id, sql.placeholder("id")),
          live,
          eq(users.status, "active"),
          isNull(users.deletedAt),
        ),
      )
      .limit(1)
      .prepare("user_sessions_live");
  }
}
