import { and, eq, gt, isNull, type SQL, sql } from "drizzle-orm";
import { type Actor, type Executor, inTransaction, runWrite, setAuditContext } from "../database/index.ts";
import { lower, lowerText, userDevices, userSecurity, userSessions, users } from "../schema/index.ts";
import { isAscii } from "../validation/index.ts";
import type { UserRole, UserStatus } from "./row-types.ts";
import { hasSecondFactor } from "./session-stage.ts";
import { TransactionalRepository } from "./transactional.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

/** What an account authenticates by. It never leaves the service. */
export interface Credentials {
  readonly userId: string;
  readonly email: string;
  readonly username: string;
  readonly passwordHash: string;
  readonly status: UserStatus;
  readonly role: UserRole;
  /** When the password was changed (ISO 8601, to the microsecond). */
  readonly passwordChangedAt: string;
  readonly twoFactorEnabled: boolean;
  /** The known device that the caller has named, or that the session was signed in from. */
  readonly deviceId: string | null;
}

const columns = {
  userId: users.id,
  email: users.email,
  username: users.username,
  passwordHash: users.passwordHash,
  status: users.status,
  role: users.role,
  passwordChangedAt: sql<string>`to_json(${userSecurity.passwordChangedAt}) #>> '{}'`,
  twoFactorEnabled: userSecurity.twoFactorEnabled,
};

export interface SessionCredentials extends Credentials {
  /** Whether the session was begun or raised by a second factor. */
  readonly hasSecondFactor: boolean;
}

/** Reads and replaces password hashes. */
export class CredentialRepository extends TransactionalRepository {
  #queries: ReturnType<CredentialRepository["prepare"]> | undefined;
  /**
   * The credentials of the account with this email or username, in any case; undefined if there is none.
   *
   * @param deviceTokenHash SHA-256 of the token of the client's device, hexadecimal
   */
  async findByLogin(login: string, deviceTokenHash: string): Promise<Credentials | undefined> {
    if (!isAscii(login)) return undefined;
    const query = login.includes("@") ? this.#prepared.byEmail : this.#prepared.byUsername;
    const [found] = await query.execute({ login, deviceTokenHash });
    return found;
  }

  /** The credentials of the account of a session; undefined if there is none. */
  async findBySession(userId: string, sessionId: string): Promise<SessionCredentials | undefined> {
    const [found] = await this.#prepared.bySession.execute({ userId, sessionId });
    return found;
  }

  /** Replaces a hash by one of the same password. @returns false if it was replaced meanwhile */
  rehash(by: Actor, userId: string, { from, to }: { from: string; to: string }): Promise<boolean> {
    return replaceHash(this.db, by, { userId, from, to });
  }

  /**
   * Replaces the password, and ends the requirement of a new one.
   *
   * @returns whether it was replaced; false if the hash `from` was replaced meanwhile
   */
  async changePassword(by: Actor, userId: string, { from, to }: { from: string; to: string }): Promise<boolean> {
    return inTransaction(this.db, async (tx) => {
      if (!(await replaceHash(tx, by, { userId, from, to }))) return false;
      await tx
        .update(userSecurity)
        .set({ passwordChangedAt: sql`now()`, mustChangePassword: false })
        .where(eq(userSecurity.userId, userId));
      return true;
    });
  }

  get #prepared() {
    this.#queries ??= this.prepare();
    return this.#queries;
  }

  private prepare() {
    const { db } = this;
    const login = lowerText(typedPlaceholder("login", "text"));
    const find = (condition: SQL, name: string) =>
      db
        .select({ ...columns, deviceId: userDevices.id })
        .from(users)
        .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
        .leftJoin(
          userDevices,
          and(
            eq(userDevices.userId, users.id),
            eq(userDevices.tokenHash, sql.placeholder("deviceTokenHash")),
            gt(userDevices.expiresAt, sql`now()`),
          ),
        )
        .where(and(condition, isNull(users.deletedAt)))
        .limit(1)
        .prepare(name);
    return {
      byEmail: find(sql`${lower(users.email)} = ${login}`, "credentials_by_email"),
      byUsername: find(sql`${lower(users.username)} = ${login}`, "credentials_by_username"),
      bySession: db
        .select({ ...columns, deviceId: userSessions.deviceId, hasSecondFactor })
        .from(users)
        .innerJoin(userSecurity, eq(userSecurity.userId, users.id))
        .innerJoin(
          userSessions,
          and(eq(userSessions.userId, users.id), eq(userSessions.id, sql.placeholder("sessionId"))),
        )
        .where(and(eq(users.id, sql.placeholder("userId")), isNull(users.deletedAt)))
        .limit(1)
        .prepare("credentials_by_session"),
    };
  }
}

async function replaceHash(
  db: Executor,
  by: Actor,
  { userId, from, to }: { userId: string; from: string; to: string },
): Promise<boolean> {
  const rows = await runWrite(db, async () =>
    db
      .update(users)
      .set({ passwordHash: to })
      .where(and(eq(users.id, userId), eq(users.passwordHash, from), isNull(users.deletedAt)))
      .returning({ auditContext: setAuditContext(by) }),
  );
  return rows.length > 0;
}
