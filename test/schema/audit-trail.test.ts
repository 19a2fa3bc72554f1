import { randomUUID } from "node:crypto";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createDatabase, createLogin, emptyTrail, type TestDatabase, withLogin } from "../support/database.ts";
import { newUser } from "../support/factories.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
let role: string;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  ({ sql } = database);
  role = (await sql`select current_user as role`)[0]?.["role"];
});
beforeEach(() => emptyTrail(sql));
afterAll(() => database.drop());

/** Creates a login with the given privileges and a connection; drops both when the test ends. */
async function loginOf(rights?: (login: string) => string) {
  const login = await createLogin(sql, { ...(rights && { rights }) });
  const theirs = postgres(withLogin(database.directUrl, login), { max: 1 });
  onTestFinished(() => theirs.end());
  return { login: login.user, theirs };
}

/** The audit rows of all tables, in the order in which they were written. */
async function trail(connection: Sql | TransactionSql = sql) {
  const rows = await connection`
    select action, resource_type, resource_id, changes, actor, user_id, host(ip_address) as ip, user_agent, request_id
    from audit_log order by created_at`;
  return rows.map((row) => ({ ...row }));
}

async function insertUser(connection: Sql | TransactionSql = sql): Promise<string> {
  const { email, username, passwordHash } = newUser();
  const [row] = await connection`
    insert into users (email, username, password_hash) values (${email}, ${username}, ${passwordHash}) returning id`;
  return row?.["id"] as string;
}

async function insertSession(userId: string): Promise<string> {
  const [row] = await sql`
    insert into user_sessions (user_id, refresh_token_id, expires_at)
    values (${userId}, ${randomUUID()}, now() + interval '1 hour') returning id`;
  return row?.["id"] as string;
}

/** The actor, as the service passes it in the statement that makes the change. */
const context = (more: object = {}) =>
  JSON.stringify({
    actor: "service:test",
    ipAddress: "203.0.113.7",
    userAgent: "curl",
    requestId: "request-1",
    ...more,
  });

describe("a change without the service", () => {
  it("a change without the service is recorded with its role: insert, update and delete of every table", async () => {
    const id = await insertUser();
    const session = await insertSession(id);
    await sql`update users set username = 'another_name', email_verified = true where id = ${id}`;
    await sql`update user_security set must_change_password = true where user_id = ${id}`;
    await sql`update user_sessions set user_agent = 'a phone' where id = ${session}`;
    await sql`delete from user_sessions where id = ${session}`;

    const rows = await trail();
    expect(rows.map((row) => `${row["action"]} ${row["resource_type"]} ${row["resource_id"]}`)).toEqual([
      `insert users ${id}`,
      `insert user_security ${id}`,
      `insert user_sessions ${session}`,
      `update users ${id}`,
      `update user_security ${id}`,
      `update user_sessions ${session}`,
      `delete user_sessions ${session}`,
    ]);
    for (const row of rows) expect(row).toMatchObject({ actor: `db:${role}`, user_id: null, ip: null });
    expect(rows[3]?.["changes"]).toEqual({
      username: [expect.any(String), "another_name"],
      email_verified: [false, true],
    });
    expect(rows[4]?.["changes"]).toEqual({ must_change_password: [false, true] });
  });

  it("the audit trail records the login role, even after SET ROLE", async () => {
    await sql
      .begin(async (tx) => {
        await tx`create role taken_on`;
        await tx`grant usage on schema public to taken_on`;
        await tx`grant select, insert on users to taken_on`;
        await tx`grant insert on user_security to taken_on`;
        await tx`set local role taken_on`;
        await insertUser(tx);
        await tx`reset role`;
        expect((await trail(tx)).map((row) => row["actor"])).toEqual([`db:${role}`, `db:${role}`]);
        throw new Error("enough");
      })
      .catch((error: Error) => expect(error.message).toBe("enough"));
  });

  it("a change by a role without privileges on the audit trail is recorded under the name of that role", async () => {
    const id = await insertUser();
    await emptyTrail(sql);
    const { login, theirs } = await loginOf((login) => `grant select, update on users to ${login}`);
    // The actor that this role passes is ignored, because it can be false.
    await theirs`
      update users set role = 'moderator' where id = ${id}
      returning set_config('audit.context', ${context({ actor: `user:${id}`, userId: id })}, true)`;
    await expect(theirs`insert into audit_log (action) values ('forged')`).rejects.toMatchObject({ code: "42501" });
    expect(await trail()).toMatchObject([
      { actor: `db:${login}`, user_id: null, ip: null, changes: { role: ["user", "moderator"] } },
    ]);
  });

  it("a change by a login role that switches to the service's role is recorded as the service's", async () => {
    const id = await insertUser();
    await emptyTrail(sql);
    const service = `service_${randomUUID().slice(0, 8)}`;
    await sql.unsafe(
      `create role ${service}; grant select, update on users to ${service}; grant insert on audit_log to ${service}`,
    );
    onTestFinished(() => sql.unsafe(`drop owned by ${service}; drop role ${service}`).then(() => {}));
    const { theirs } = await loginOf(
      (login) => `alter role ${login} noinherit; grant ${service} to ${login}; alter role ${login} set role ${service}`,
    );
    await theirs`
      update users set role = 'moderator' where id = ${id}
      returning set_config('audit.context', ${context({ actor: "service:game" })}, true)`;
    expect(await trail()).toMatchObject([{ actor: "service:game" }]);
  });

  it("a role cannot forge audit rows by a trigger on its own table, which would run with the owner's rights", async () => {
    const { theirs } = await loginOf();
    const owned =
      await sql`select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype`;
    await theirs`create temp table users (id uuid)`;
    for (const { proname } of owned)
      await expect(
        theirs.unsafe(
          `create trigger t after insert on users referencing new table as new_rows for each statement execute function public.${proname}()`,
        ),
      ).rejects.toMatchObject({ code: "42501" });
    expect(owned.map(({ proname }) => proname).sort()).toEqual([
      "keep_an_administrator",
      "record_change_of_user_devices",
      "record_change_of_user_security",
      "record_change_of_user_sessions",
      "record_change_of_users",
    ]);
  });
});

describe("a change with a context", () => {
  it("a change is recorded with its actor, account and origin, which the same statement passes", async () => {
    const actor = await insertUser();
    const id = await insertUser();
    await emptyTrail(sql);
    await sql`
      update users set status = 'suspended' where id = ${id}
      returning set_config('audit.context', ${context({ actor: `user:${actor}`, userId: actor })}, true)`;
    expect(await trail()).toEqual([
      {
        action: "update",
        resource_type: "users",
        resource_id: id,
        changes: { status: ["active", "suspended"] },
        actor: `user:${actor}`,
        user_id: actor,
        ip: "203.0.113.7",
        user_agent: "curl",
        request_id: "request-1",
      },
    ]);
  });

  it("the context applies to its statement only, not to the next one on the connection", async () => {
    const id = await insertUser();
    const connection = await sql.reserve();
    try {
      await connection`
        update users set status = 'suspended' where id = ${id} returning set_config('audit.context', ${context()}, true)`;
      await connection`update users set status = 'active' where id = ${id}`;
    } finally {
      connection.release();
    }
    expect((await trail()).slice(-2).map((row) => row["actor"])).toEqual(["service:test", `db:${role}`]);
  });

  it("the context also applies to changes by triggers and cascades", async () => {
    const id = await insertUser();
    await insertSession(id);
    await emptyTrail(sql);
    await sql`delete from users where id = ${id} returning set_config('audit.context', ${context()}, true)`;
    const rows = await trail();
    expect(rows.map((row) => row["resource_type"]).sort()).toEqual(["user_security", "user_sessions", "users"]);
    for (const row of rows)
      expect(row).toMatchObject({ action: "delete", actor: "service:test", request_id: "request-1" });
  });

  it("the deletion of an account by itself is recorded, although the account no longer exists", async () => {
    const id = await insertUser();
    await emptyTrail(sql);
    await sql`
      delete from users where id = ${id}
      returning set_config('audit.context', ${context({ actor: `user:${id}`, userId: id })}, true)`;
    expect(await trail()).toContainEqual(
      expect.objectContaining({ resource_type: "users", actor: `user:${id}`, user_id: null }),
    );
  });

  it("sessions end with their account, and are recorded with the actor that deleted it", async () => {
    const id = await insertUser();
    const session = await insertSession(id);
    await emptyTrail(sql);
    await sql`update users set deleted_at = now() where id = ${id} returning set_config('audit.context', ${context()}, true)`;
    expect(await sql`select 1 from user_sessions where id = ${session}`).toHaveLength(0);
    expect((await trail()).map((row) => [row["action"], row["resource_type"], row["actor"]])).toEqual(
      expect.arrayContaining([
        ["update", "users", "service:test"],
        ["delete", "user_sessions", "service:test"],
      ]),
    );
  });

  it.each(["suspended", "banned"])(
    "sessions of an account that is %s are revoked, and recorded with the actor",
    async (status) => {
      const id = await insertUser();
      const session = await insertSession(id);
      await emptyTrail(sql);
      await sql`update users set status = ${status} where id = ${id} returning set_config('audit.context', ${context()}, true)`;
      await sql`update users set status = 'active' where id = ${id}`;
      expect(await sql`select revocation_reason as reason from user_sessions where id = ${session}`).toMatchObject([
        { reason: "account_inactive" },
      ]);
      const ended = (await trail()).find((row) => row["resource_type"] === "user_sessions");
      expect(ended).toMatchObject({ action: "update", actor: "service:test", resource_id: session });
    },
  );
});

describe("an audit row", () => {
  it("an audit row shows that a secret changed, never its value, and nothing of a refresh token's rotation", async () => {
    const id = await insertUser();
    const session = await insertSession(id);
    await sql`update users set password_hash = '$argon2id$verysecret', email_verification_token = 'verysecret' where id = ${id}`;
    await sql`
      update user_security set two_factor_secret = 'v1.key.verysecret', recovery_codes = array[repeat('5ec4e7', 10) || '0000']
      where user_id = ${id}`;
    await sql`update user_sessions set refresh_token_id = gen_random_uuid() where id = ${session}`;
    await sql`update user_security set recovery_codes = null where user_id = ${id}`;
    const [{ secret } = {}] = await sql`select refresh_token_id as secret from user_sessions where id = ${session}`;
    await sql`delete from users where id = ${id}`;

    const rows = await trail();
    expect(JSON.stringify(rows)).not.toMatch(new RegExp(`verysecret|5ec4e7|argon2|${secret}`));
    expect(rows.filter((row) => row["action"] === "update").map((row) => row["changes"])).toEqual([
      { password_hash: ["[secret]", "[secret]"], email_verification_token: [null, "[secret]"] },
      { two_factor_secret: [null, "[secret]"], recovery_codes: [null, "[secret]"] },
      { recovery_codes: ["[secret]", null] },
    ]);
  });

  it("an audit row contains a column that was added later, and hides one that is declared secret later", async () => {
    await sql
      .begin(async (tx) => {
        await tx`create table things (id uuid primary key default gen_random_uuid(), name text)`;
        await tx`select record_changes_of('things', 'id')`;
        await tx`insert into things (name) values ('lamp')`;
        await tx`alter table things add column "odd name" jsonb`;
        await tx`select record_changes_of('things', 'id', '{name}')`;
        await tx`update things set "odd name" = '[1]', name = 'desk'`;
        const rows = (await trail(tx)).filter((row) => row["resource_type"] === "things");
        expect(rows.map((row) => row["changes"])).toEqual([
          { id: [null, expect.any(String)], name: [null, "lamp"] },
          { name: ["[secret]", "[secret]"], "odd name": [null, [1]] },
        ]);
        await expect(
          tx.savepoint((inner) => inner`select record_changes_of('things', 'id', '{nothing}')`),
        ).rejects.toMatchObject({ code: "42703" });
        throw new Error("enough");
      })
      .catch((error: Error) => expect(error.message).toBe("enough"));
  });

  it("the audit row of an insert or a delete contains every column that is not null", async () => {
    const id = await insertUser();
    await sql`delete from users where id = ${id}`;
    const [inserted, deleted] = (await trail()).filter((row) => row["resource_type"] === "users");
    const names = [
      "created_at",
      "email",
      "email_verified",
      "id",
      "metadata",
      "password_hash",
      "role",
      "status",
      "username",
    ];
    expect(Object.keys(inserted?.["changes"]).sort()).toEqual(names);
    expect(Object.keys(deleted?.["changes"]).sort()).toEqual([...names, "updated_at"].sort());
    expect(inserted?.["changes"]).toMatchObject({ id: [null, id], status: [null, "active"] });
    expect(deleted?.["changes"]).toMatchObject({ id: [id, null], status: ["active", null] });
  });

  it.each([
    ["updated_at alone", (id: string) => sql`update users set updated_at = now() where id = ${id}`],
    ["the same values again", (id: string) => sql`update users set status = status where id = ${id}`],
    ["last_active alone", (id: string) => sql`update user_sessions set last_active = now() where user_id = ${id}`],
    ["no row at all", () => sql`update users set status = 'banned' where id = ${randomUUID()}`],
  ])("no audit row is written for a change of %s", async (_, change) => {
    const id = await insertUser();
    await insertSession(id);
    await emptyTrail(sql);
    await change(id);
    expect(await trail()).toEqual([]);
  });

  it("the audit trail distinguishes values that only look alike", async () => {
    const id = await insertUser();
    await sql`update users set metadata = '{"level": 1}' where id = ${id}`;
    await sql`update users set metadata = '{"level": "1"}' where id = ${id}`;
    expect((await trail()).slice(-1)[0]?.["changes"]).toEqual({ metadata: [{ level: 1 }, { level: "1" }] });
  });
});

describe("many rows at once", () => {
  it("each of many changed rows has an audit row, for every kind of statement", async () => {
    const insert = sql`
      insert into users (email, username, password_hash)
      select 'many' || n || '@example.com', 'many' || n, '$argon2id$x' from generate_series(1, 300) n
      on conflict (email) do update set status = 'suspended'`;
    await insert;
    const copy = await sql`copy users (email, username, password_hash) from stdin`.writable();
    copy.end(Array.from({ length: 200 }, (_, n) => `copied${n}@example.com\tcopied${n}\t$argon2id$x\n`).join(""));
    await new Promise((resolve, reject) => copy.on("finish", resolve).on("error", reject));
    await sql`
      insert into users (email, username, password_hash)
      select 'many' || n || '@example.com', 'many' || n, '$argon2id$x' from generate_series(1, 310) n
      on conflict (email) do update set status = 'suspended'`;
    await sql`
      merge into users using (select 'many' || n || '@example.com' as email from generate_series(1, 20) n) as given on users.email = given.email
      when matched then update set status = 'banned'`;
    await sql`delete from users where email like 'copied%'`;

    const counts = await sql`
      select action, count(*)::int, count(distinct resource_id)::int as rows from audit_log where resource_type = 'users'
      group by action order by action`;
    expect(counts.map((row) => ({ ...row }))).toEqual([
      { action: "delete", count: 200, rows: 200 },
      { action: "insert", count: 510, rows: 510 },
      { action: "update", count: 320, rows: 300 },
    ]);
  });

  it("the audit rows of many changed rows are written in one statement", async () => {
    await sql`
      insert into users (email, username, password_hash)
      select 'once' || n || '@example.com', 'once' || n, '$argon2id$x' from generate_series(1, 500) n`;
    const [{ plan } = {}] = await sql.begin(async (tx) => {
      const rows = await tx`explain (analyze, format json) update users set status = 'banned' where email like 'once%'`;
      return [{ plan: rows[0]?.["QUERY PLAN"][0] }];
    });
    const trigger = plan.Triggers.find((one: { "Trigger Name": string }) => one["Trigger Name"] === "record_update");
    expect(trigger).toMatchObject({ Calls: 1 });
  });
});

describe("a change and its audit row", () => {
  it("a change and its audit row are committed together or not at all", async () => {
    const id = await insertUser();
    await emptyTrail(sql);
    await expect(
      sql.begin(async (tx) => {
        await tx`update users set status = 'banned' where id = ${id}`;
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    expect(await trail()).toEqual([]);

    await sql.begin(async (tx) => {
      await tx`alter table audit_log add constraint nothing_more check (action <> 'update') not valid`;
      await expect(
        tx.savepoint((inner) => inner`update users set status = 'banned' where id = ${id}`),
      ).rejects.toMatchObject({ code: "23514" });
      expect(await tx`select status from users where id = ${id}`).toEqual([{ status: "active" }]);
      await tx`alter table audit_log drop constraint nothing_more`;
    });
  });

  it.each(["users", "user_security", "user_sessions"])(
    "TRUNCATE of %s is refused, because it would write no audit rows",
    async (table) => {
      await expect(sql`truncate ${sql(table)} cascade`).rejects.toMatchObject({ code: "0A000" });
    },
  );
});
