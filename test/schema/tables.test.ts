import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase();
  ({ sql } = database);
});
afterAll(() => database.drop());

/** Inserts a user with SQL, as psql or a bulk load does. */
async function insertUser(overrides: Record<string, unknown> = {}): Promise<string> {
  const { passwordHash: password_hash, ...user } = newUser();
  const [row] = await sql`insert into users ${sql({ ...user, password_hash, ...overrides } as never)} returning id`;
  return row?.["id"] as string;
}

/** Nested arrays of the given depth. */
function nested(levels: number): unknown {
  return JSON.parse("[".repeat(levels) + "]".repeat(levels));
}

describe("users", () => {
  it.each([
    ["status", "users_status_check", { status: "deleted" }],
    ["role", "users_role_check", { role: "root" }],
    ["password in the clear", "users_password_hash_check", { password_hash: "hunter2" }],
    ["metadata that is no object", "users_metadata_check", { metadata: "[]" }],
    ["key in metadata", "users_metadata_keys_check", { metadata: { a: [{ b: { constructor: 1 } }] } }],
    ["key in metadata beside a number", "users_metadata_keys_check", { metadata: { a: 1, b: [2, { prototype: 1 }] } }],
    ["depth of metadata", "users_metadata_depth_check", { metadata: { a: nested(40) } }],
  ])("the users table refuses an invalid %s from any client", async (_, constraint_name, overrides) => {
    await expect(insertUser(overrides)).rejects.toMatchObject({ code: "23514", constraint_name });
  });

  it("the users table accepts metadata that only resembles a violation", async () => {
    const metadata = { a: "__proto__", list: [1, "constructor", null, { toString: true }], deep: nested(30), Æ: {} };
    const id = await insertUser({ metadata });
    expect((await sql`select metadata from users where id = ${id}`)[0]?.["metadata"]).toEqual(metadata);
  });

  it("a trigger sets updated_at: it rises with every change, also within a transaction, and no client can set it", async () => {
    const id = await insertUser();
    const versions = await sql.begin(async (tx) => {
      const read = async () =>
        (await tx`select updated_at::text from users where id = ${id}`)[0]?.["updated_at"] as string;
      const before = await read();
      await tx`update users set email_verified = true where id = ${id}`;
      const first = await read();
      await tx`update users set email_verified = false, updated_at = '2000-01-01' where id = ${id}`;
      return [before, first, await read()];
    });
    expect(versions).toEqual([...new Set(versions)].sort());
    expect(versions).toHaveLength(3);
  });

  it("a trigger sets updated_at of a new user, and ignores a value of the client", async () => {
    const id = await insertUser({ updated_at: new Date("2099-01-01") });
    const [row] =
      await sql`select updated_at = date_trunc('milliseconds', created_at) as same from users where id = ${id}`;
    expect(row).toEqual({ same: true });
  });

  it("updated_at remains the same when an update changes nothing", async () => {
    const id = await insertUser();
    const [{ same } = {}] = await sql`
      with before as (select updated_at from users where id = ${id})
      update users set status = status from before where id = ${id} returning users.updated_at = before.updated_at as same`;
    expect(same).toBe(true);
  });

  it("a trigger inserts a user_security row for each new user, also in bulk; a deleted user's row is deleted too", async () => {
    const ids = await Promise.all([insertUser(), insertUser()]);
    await sql`
      insert into users (email, username, password_hash)
      select 'bulk' || n || '@example.com', 'bulk' || n, '$bcrypt$x' from generate_series(1, 500) n`;
    const missing = await sql`select 1 from users left join user_security on user_id = id where user_id is null`;
    expect(missing).toHaveLength(0);

    await sql`delete from users where id = ${ids[0]}`;
    expect(await sql`select 1 from user_security where user_id = ${ids[0]}`).toHaveLength(0);
    expect(await sql`select 1 from user_security where user_id = ${ids[1]}`).toHaveLength(1);
  });
});

describe("user_security", () => {
  it.each([
    ["users", "last_login = 'infinity'"],
    ["users", "created_at = '-infinity'"],
    ["users", "deleted_at = '10000-01-01 00:00:00+00'"],
    ["user_security", "locked_until = 'infinity'"],
    ["user_sessions", "expires_at = 'infinity'"],
  ])("a table refuses a time that clients cannot hold: %s %s", async (table, change) => {
    const id = await insertUser();
    await sql`insert into user_sessions (user_id, refresh_token_id, expires_at) values (${id}, ${randomUUID()}, now() + interval '1 day')`;
    await expect(sql.unsafe(`update ${table} set ${change}`)).rejects.toMatchObject({
      code: "23514",
      constraint_name: `${table}_times_check`,
    });
  });

  it("user_security refuses two-factor without a secret, and a negative number of attempts", async () => {
    const id = await insertUser();
    await expect(sql`update user_security set two_factor_enabled = true where user_id = ${id}`).rejects.toMatchObject({
      code: "23514",
    });
    await expect(sql`update user_security set login_attempts = -1 where user_id = ${id}`).rejects.toMatchObject({
      code: "23514",
    });
  });
});

describe("audit_log", () => {
  it("audit_log has partitions for this month, the next three and all later ones, and accepts rows", async () => {
    const parts = await partitions();
    expect(parts.map(({ month }) => month)).toEqual([...[0, 1, 2, 3].map((ahead) => monthFromNow(ahead)), "beyond"]);
    await sql`insert into audit_log (action) values ('test')`;
    const [row] = await sql`select actor, tableoid::regclass::text as part from audit_log where action = 'test'`;
    expect(row).toEqual({ actor: expect.stringMatching(/^db:/), part: `partitions.audit_log_${monthFromNow(0)}` });
  });

  it("concurrent calls for more partitions create each partition once", async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => sql`select create_audit_log_partitions(14)`));
    expect(made.map((rows) => rows.length).sort()).toEqual([0, 0, 0, 11]);
  });

  it("the bounds of partitions are months in UTC, in any time zone of the session", async () => {
    for (const [index, zone] of ["Pacific/Auckland", "America/Los_Angeles", "UTC"].entries()) {
      await sql.begin(async (tx) => {
        await tx`select set_config('timezone', ${zone}, true)`;
        await tx`select create_audit_log_partitions(${20 + index})`;
      });
    }
    const parts = await partitions();
    expect(parts.pop()).toEqual({ month: "beyond", from: parts.at(-1)?.to, to: undefined });
    expect(parts.map(({ month }) => month)).toEqual(Array.from({ length: 23 }, (_, ahead) => monthFromNow(ahead)));
    for (const [index, { month, from, to }] of parts.entries()) {
      expect(from).toBe(`${month.replace("_", "-")}-01 00:00:00+00`);
      expect(to).toBe(parts[index + 1]?.from ?? to);
    }
  });

  it("an unreasonable number of partitions is refused", async () => {
    for (const months of [-1, 121, null]) {
      await expect(sql`select create_audit_log_partitions(${months})`).rejects.toMatchObject({ code: "22023" });
    }
  });

  it("audit rows remain after their users are deleted", async () => {
    const id = await insertUser();
    await sql`insert into audit_log (user_id, action) values (${id}, 'outlived')`;
    await sql`delete from users where id = ${id}`;
    expect(await sql`select user_id from audit_log where action = 'outlived'`).toMatchObject([{ user_id: null }]);
  });

  /** Partitions with their bounds, in UTC, oldest first. */
  async function partitions() {
    return sql.begin(async (tx) => {
      await tx`set local timezone = 'UTC'`;
      const rows = await tx`
        select relname, pg_get_expr(relpartbound, oid) as bound
        from pg_class where relnamespace = 'partitions'::regnamespace and relname like 'audit_log%' and relispartition and relkind = 'r' order by relname`;
      return rows.map((row) => {
        const [from, to] = [...(row["bound"] as string).matchAll(/'([^']+)'/g)].map((match) => match[1]);
        return { month: (row["relname"] as string).replace("audit_log_", ""), from, to };
      });
    });
  }

  function monthFromNow(ahead: number): string {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead))
      .toISOString()
      .slice(0, 7)
      .replace("-", "_");
  }
});

describe("user_sessions", () => {
  const insertSessions = async (count: number, expires: string, revoked: string | null = null) => {
    const user_id = await insertUser();
    await sql`
      insert into user_sessions (user_id, refresh_token_id, created_at, expires_at, revoked_at)
      select ${user_id}, gen_random_uuid(), now() - interval '1 year', now() + ${expires}::interval, now() + ${revoked}::interval
      from generate_series(1, ${count})`;
    return user_id;
  };

  it("a session cannot end before it begins", async () => {
    const user_id = await insertUser();
    const session = { user_id, refresh_token_id: randomUUID(), created_at: new Date(), expires_at: new Date(0) };
    await expect(sql`insert into user_sessions ${sql(session)}`).rejects.toMatchObject({ code: "23514" });
  });

  it("expired sessions are deleted in batches of bounded size, and others are not", async () => {
    const expired = await insertSessions(25, "-1 second");
    const alive = await insertSessions(5, "1 hour");
    const deleted: number[] = [];
    do deleted.push((await sql`select delete_expired_sessions(10) as count`)[0]?.["count"] as number);
    while (deleted.at(-1) === 10);
    expect(deleted).toEqual([10, 10, 5]);
    expect(await sql`select 1 from user_sessions where user_id = ${expired}`).toHaveLength(0);
    expect(await sql`select 1 from user_sessions where user_id = ${alive}`).toHaveLength(5);
  });

  it("the clean-up skips locked sessions without waiting, and the next one deletes them", async () => {
    const user = await insertSessions(3, "-1 second");
    await sql.begin(async (tx) => {
      await tx`select 1 from user_sessions where user_id = ${user} limit 1 for update`;
      const [row] = await sql`select delete_expired_sessions() as count`;
      expect(row?.["count"]).toBe(2);
    });
    expect((await sql`select delete_expired_sessions() as count`)[0]?.["count"]).toBe(1);
  });

  it("sessions that were revoked long enough ago are deleted", async () => {
    const longAgo = await insertSessions(3, "1 year", "-31 days");
    const lately = await insertSessions(2, "1 year", "-1 day");
    expect((await sql`select delete_revoked_sessions(batch_size => 2) as count`)[0]?.["count"]).toBe(2);
    expect((await sql`select delete_revoked_sessions() as count`)[0]?.["count"]).toBe(1);
    expect(await sql`select 1 from user_sessions where user_id = ${longAgo}`).toHaveLength(0);
    expect(await sql`select 1 from user_sessions where user_id = ${lately}`).toHaveLength(2);
  });
});
