import { and, desc, eq, isNull, sql } from "drizzle-orm";
import type { Executor } from "../database/transaction.ts";
import { NotFound } from "../errors.ts";
import { lower } from "../schema/columns.ts";
import { users } from "../schema/index.ts";
import { decodeCursor, encodeCursor, exactTime, type Page } from "./page.ts";

/** What of a user leaves the service. The hash and the verification token do not. */
const publicColumns = {
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
};

export type NewUser = Pick<typeof users.$inferInsert, "email" | "username" | "passwordHash" | "metadata"> & {
  id: string;
};
export type UserChange = { [Field in "email" | "username" | "metadata"]?: NewUser[Field] | undefined };

const visible = isNull(users.deletedAt);

/** Users, softly deleted ones left out. */
export class UserRepository {
  readonly #db: Executor;
  readonly #queries: ReturnType<typeof prepareQueries>;

  constructor(db: Executor) {
    this.#db = db;
    this.#queries = prepareQueries(db);
  }

  /** @throws {NotFound} */
  async findById(id: string) {
    return found(await this.#queries.byId.execute({ id }));
  }

  /** Ignores case. @throws {NotFound} */
  async findByEmail(email: string) {
    return found(await this.#queries.byEmail.execute({ email }));
  }

  /** Ignores case. @throws {NotFound} */
  async findByUsername(username: string) {
    return found(await this.#queries.byUsername.execute({ username }));
  }

  /** Newest first, `limit` at a time. @throws {Invalid} for a cursor that is none of this listing's */
  async list(options: { limit: number; cursor?: string | undefined }): Promise<Page<User>> {
    // One more than asked for tells whether there is a next page.
    const take = options.limit + 1;
    const rows =
      options.cursor === undefined
        ? await this.#queries.firstPage.execute({ take })
        : await this.#queries.pageAfter.execute({ take, ...decodeCursor(options.cursor) });
    const page = rows.slice(0, options.limit);
    const last = page.at(-1);
    return {
      items: page.map(({ at: _, ...user }) => user),
      nextCursor: rows.length > page.length && last !== undefined ? encodeCursor(last) : null,
    };
  }

  /** Adds a user. The database rejects a taken email or username. */
  async create(user: NewUser) {
    return found(await this.#db.insert(users).values(user).returning(publicColumns));
  }

  /** Changes what is given and leaves the rest. @throws {NotFound} */
  async update(id: string, change: UserChange) {
    return found(
      await this.#db
        .update(users)
        .set(change)
        .where(and(eq(users.id, id), visible))
        .returning(publicColumns),
    );
  }
}

/** A user as callers see it. */
export type User = Awaited<ReturnType<UserRepository["findById"]>>;

/** Built once for each executor: with a name, postgres.js keeps them prepared on each connection. */
function prepareQueries(db: Executor) {
  const one = (condition: ReturnType<typeof eq>, name: string) =>
    db.select(publicColumns).from(users).where(and(condition, visible)).limit(1).prepare(name);
  const page = (condition: ReturnType<typeof and>, name: string) =>
    db
      .select({ ...publicColumns, at: exactTime(users.createdAt) })
      .from(users)
      .where(and(condition, visible))
      .orderBy(desc(users.createdAt), desc(users.id))
      .limit(sql.placeholder("take"))
      .prepare(name);
  return {
    byId: one(eq(users.id, sql.placeholder("id")), "users_by_id"),
    byEmail: one(sql`${lower(users.email)} = lower(${sql.placeholder("email")})`, "users_by_email"),
    byUsername: one(sql`${lower(users.username)} = lower(${sql.placeholder("username")})`, "users_by_username"),
    firstPage: page(undefined, "users_first_page"),
    pageAfter: page(
      sql`(${users.createdAt}, ${users.id}) < (${sql.placeholder("at")}::timestamptz, ${sql.placeholder("id")}::uuid)`,
      "users_page_after",
    ),
  };
}

function found<Row>([row]: Row[]): Row {
  if (row === undefined) throw new NotFound("There is no such user.");
  return row;
}
