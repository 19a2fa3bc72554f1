import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Actor } from "../database/index.ts";
import { ForbiddenError } from "../errors.ts";
import { byteOrder, lower, lowerText, users } from "../schema/index.ts";
import { isAscii, newUser, userBulkChange } from "../validation/index.ts";
import type { Definition, RepositoryServices } from "./definition.ts";
import type { User, UserRole, UserStatus } from "./row-types.ts";
import { SoftDeleteRepository } from "./soft-delete.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

export const userDefinition: Definition<typeof users, User> = {
  table: users,
  key: users.id,
  noun: "user",
  // The password hash and the verification token are not read.
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
  normalizations: {
    email: { equal: lower(users.email), order: lower(users.email), normalize: lowerText },
    username: { equal: lower(users.username), order: byteOrder(lower(users.username)), normalize: lowerText },
  },
  indexPaths: [
    { equal: ["id"], selective: true },
    { equal: ["email"], selective: true },
    { equal: ["username"], selective: true },
    { sort: ["createdAt"] },
    { sort: ["username"], prefix: true },
    { equal: ["status"], sort: ["createdAt"] },
    { equal: ["role"], sort: ["createdAt"] },
  ],
  defaultSort: { field: "createdAt", direction: "desc" },
};

/** The state of an account that authorization depends on. */
export interface AccountStatus {
  readonly role: UserRole;
  readonly status: UserStatus;
  readonly deleted: boolean;
}

/** Accounts that are not softly deleted. */
export class UserRepository extends SoftDeleteRepository<typeof users, User> {
  #queries: ReturnType<UserRepository["prepare"]> | undefined;

  constructor(services: RepositoryServices, definition = userDefinition) {
    super(services, definition);
  }

  /** Finds an account without regard to case. Emails are ASCII. @throws {NotFoundError} */
  async findByEmail(email: string): Promise<User> {
    if (!isAscii(email)) return this.found([]);
    return this.found(await this.prepared.byEmail.execute({ email }));
  }

  /** Finds an account without regard to case. Usernames are ASCII. @throws {NotFoundError} */
  async findByUsername(username: string): Promise<User> {
    if (!isAscii(username)) return this.found([]);
    return this.found(await this.prepared.byUsername.execute({ username }));
  }

  /** The present status of an account, deleted or not; undefined if there is none. */
  async statusOf(id: string): Promise<AccountStatus | undefined> {
    const [status] = await this.prepared.status.execute({ id });
    return status;
  }

  /**
   * Sets the status of an account.
   *
   * @param options.over roles that the caller may do this to
   * @throws {ForbiddenError} if the account has another role
   * @throws {ConflictError} if it is the last active administrator's
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

  /** @throws {NotFoundError} @throws {ConflictError} if it is the last active administrator's */
  async setRole(by: Actor, id: string, role: UserRole): Promise<User> {
    return this.found(await this.change(by, and(eq(users.id, id), isNull(users.deletedAt)), { role }));
  }

  /** The same repository, with softly deleted users or with these only. It is for reads. */
  withVisibility(deleted: "without" | "with" | "only"): UserRepository {
    if (deleted === "without") return this;
    const visible = deleted === "only" ? sql`${users.deletedAt} is not null` : undefined;
    // The other indexes are partial: they hold no deleted users.
    const indexPaths = userDefinition.indexPaths.filter(({ selective }) => selective);
    return new UserRepository(this.services, { ...userDefinition, view: deleted, visible, indexPaths });
  }

  private get prepared() {
    this.#queries ??= this.prepare();
    return this.#queries;
  }

  private prepare() {
    return {
      byEmail: this.prepareOne(
        sql`${lower(users.email)} = ${lowerText(typedPlaceholder("email", "text"))}`,
        "by_email",
      ),
      byUsername: this.prepareOne(
        sql`${lower(users.username)} = ${lowerText(typedPlaceholder("username", "text"))}`,
        "by_username",
      ),
      status: this.db
        .select({ role: users.role, status: users.status, deleted: sql<boolean>`${users.deletedAt} is not null` })
        .from(users)
        .where(eq(users.id, sql.placeholder("id")))
        .prepare("users_status"),
    };
  }
}
