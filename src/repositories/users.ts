import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Actor } from "../database/index.ts";
import { ForbiddenError } from "../errors.ts";
import { byteOrder, lower, lowerText, users } from "../schema/index.ts";
import { isAscii, newUser, userBulkChange } from "../validation/index.ts";
import type { Definition, RepositoryParts } from "./base.ts";
import type { User, UserRole, UserStatus } from "./row-types.ts";
import { SoftDeleteRepository } from "./soft-delete.ts";

export const userDefinition: Definition<typeof users, User> = {
  table: users,
  key: users.id,
  noun: "user",
  // The hash and the verification token do not leave the service.
  columns: {
    id: users.id,
    email: users.email,
    username: users.username,
    emailVerified: users.emailVerified,
    status: users.status,
    role: users.role,
    metadata: users.metadata,
    createdAt: users.createdAt,
    updatedAt: users.updatedAt,
    lastLogin: users.lastLogin,
  },
  visible: isNull(users.deletedAt),
  version: users.updatedAt,
  unique: ["email", "username"],
  rules: { create: newUser, update: userBulkChange },
  forms: {
    email: { equal: lower(users.email), order: lower(users.email), given: lowerText },
    username: { equal: lower(users.username), order: byteOrder(lower(users.username)), given: lowerText },
  },
  access: [
    { equal: ["id"], few: true },
    { equal: ["email"], few: true },
    { equal: ["username"], few: true },
    { sort: ["createdAt"] },
    { sort: ["username"], beginning: true },
    { equal: ["status"], sort: ["createdAt"] },
    { equal: ["role"], sort: ["createdAt"] },
  ],
  defaultSort: { field: "createdAt", direction: "desc" },
};

/** What decides what somebody may do, and what may be done to them. */
export interface Standing {
  readonly role: UserRole;
  readonly status: UserStatus;
  readonly deleted: boolean;
}

/** Accounts; softly deleted ones left out. */
export class UserRepository extends SoftDeleteRepository<typeof users, User> {
  #queries: ReturnType<UserRepository["prepare"]> | undefined;

  constructor(parts: RepositoryParts, definition = userDefinition) {
    super(parts, definition);
  }

  /** Ignores the case of ASCII; no account has another letter in its email. @throws {NotFoundError} */
  async findByEmail(email: string): Promise<User> {
    if (!isAscii(email)) return this.found([]);
    return this.found(await this.prepared.byEmail.execute({ email }));
  }

  /** Ignores the case of ASCII; no account has another letter in its username. @throws {NotFoundError} */
  async findByUsername(username: string): Promise<User> {
    if (!isAscii(username)) return this.found([]);
    return this.found(await this.prepared.byUsername.execute({ username }));
  }

  /** How an account stands now, a deleted one too; undefined when there is none. */
  async standingOf(id: string): Promise<Standing | undefined> {
    const [standing] = await this.prepared.standing.execute({ id });
    return standing;
  }

  /**
   * Lets an account play, or keeps it out.
   *
   * @param options.over roles that the caller may do this to
   * @throws {ForbiddenError} when the account has another role
   * @throws {ConflictError} when it is the last active administrator's
   */
  async setStatus(by: Actor, id: string, status: UserStatus, { over }: { over: readonly UserRole[] }): Promise<User> {
    const condition = and(eq(users.id, id), isNull(users.deletedAt), inArray(users.role, [...over]));
    const rows = await this.change(by, condition, { status });
    if (rows.length === 0) {
      const { role } = await this.findById(id);
      throw new ForbiddenError(
        `Only an administrator may do this to ${role === "admin" ? "an administrator" : `a ${role}`}.`,
      );
    }
    return this.found(rows);
  }

  /** @throws {NotFoundError} @throws {ConflictError} when it is the last active administrator's */
  async setRole(by: Actor, id: string, role: UserRole): Promise<User> {
    return this.found(await this.change(by, and(eq(users.id, id), isNull(users.deletedAt)), { role }));
  }

  /** The same repository with another view of softly deleted users: for reading alone. */
  seeing(deleted: "without" | "with" | "only"): UserRepository {
    if (deleted === "without") return this;
    const visible = deleted === "only" ? sql`${users.deletedAt} is not null` : undefined;
    // The indexes that listings walk hold no deleted users.
    const access = userDefinition.access.filter(({ few }) => few);
    return new UserRepository(this.parts, { ...userDefinition, view: deleted, visible, access });
  }

  private get prepared() {
    this.#queries ??= this.prepare();
    return this.#queries;
  }

  private prepare() {
    return {
      byEmail: this.prepareOne(
        sql`${lower(users.email)} = ${lowerText(sql`${sql.placeholder("email")}::text`)}`,
        "by_email",
      ),
      byUsername: this.prepareOne(
        sql`${lower(users.username)} = ${lowerText(sql`${sql.placeholder("username")}::text`)}`,
        "by_username",
      ),
      standing: this.db
        .select({ role: users.role, status: users.status, deleted: sql<boolean>`${users.deletedAt} is not null` })
        .from(users)
        .where(eq(users.id, sql.placeholder("id")))
        .prepare("users_standing"),
    };
  }
}
