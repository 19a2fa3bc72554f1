import { and, eq, gt, isNull, ne, sql } from "drizzle-orm";
import { type Actor, runWrite, setAuditContext } from "../database/index.ts";
import { userSessions, users } from "../schema/index.ts";
import { type Definition, Repository, type RepositoryParts } from "./base.ts";
import type { LiveSession, UserSession } from "./row-types.ts";

export const userSessionDefinition: Definition<typeof userSessions, UserSession> = {
  table: userSessions,
  key: userSessions.id,
  noun: "session",
  // The id of the refresh token does not leave the service.
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
  access: [
    { equal: ["id"], few: true },
    { equal: ["userId"], few: true },
  ],
  defaultSort: { field: "lastActive", direction: "desc" },
};

/** Sessions that a clean-up deletes at a time: few, so that it holds them for a moment only. */
const cleanUpBatch = 1_000;

const live = and(isNull(userSessions.revokedAt), gt(userSessions.expiresAt, sql`now()`));

/** Signed-in devices. Every query names whose they are, so that they can be spread over machines by it. */
export class UserSessionRepository extends Repository<typeof userSessions, UserSession> {
  #check: ReturnType<UserSessionRepository["prepareCheck"]> | undefined;

  constructor(parts: RepositoryParts) {
    super(parts, userSessionDefinition);
  }

  /** The session, if it lives and so does its account: not revoked, not expired, not banned, not deleted. */
  async findLive(userId: string, id: string): Promise<LiveSession | undefined> {
    this.#check ??= this.prepareCheck();
    const [session] = await this.#check.execute({ userId, id });
    return session;
  }

  /** Ends a session. @throws {NotFoundError} when the account has none of this id that has not ended yet */
  async revoke(by: Actor, userId: string, id: string): Promise<UserSession> {
    const condition = and(eq(userSessions.userId, userId), eq(userSessions.id, id), isNull(userSessions.revokedAt));
    return this.found(await this.change(by, condition, { revokedAt: sql`now()` }));
  }

  /** Ends all sessions of an account, or all but one. @returns how many */
  async revokeAll(by: Actor, userId: string, { except }: { except?: string | undefined } = {}): Promise<number> {
    const others = except === undefined ? undefined : ne(userSessions.id, except);
    const condition = and(eq(userSessions.userId, userId), live, others);
    return (await this.change(by, condition, { revokedAt: sql`now()` })).length;
  }

  /**
   * Deletes what has expired, and what was revoked long ago, a bounded batch at a time.
   *
   * @param options.most stops after about so many
   * @returns how many, and whether there may be more
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
