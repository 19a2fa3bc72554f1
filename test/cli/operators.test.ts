import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { fileOf } from "../support/import.ts";
import { command } from "../support/process.ts";
import { account, clientOf, secret, sessionFor, useService } from "../support/service.ts";

const service = useService();

const run = (...args: string[]) => command(args, { DATABASE_URL: service.database.url, JWT_SECRET: secret }).ended;

/** The printed JSON of a command that succeeds. */
async function json(...args: string[]) {
  const { code, stdout, output } = await run(...args, "--json");
  expect(output).toBe(stdout);
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

const signIn = (login: string, password: string) => clientOf(service.url).auth.signIn.mutate({ login, password });

const unique = () => `op_${randomUUID().slice(0, 8)}`;
const create = (name: string, ...args: string[]) =>
  json("users", "create", "--email", `${name}@example.com`, "--username", name, ...args);

it("users create makes an account with a generated password, which its owner must change", async () => {
  const name = unique();
  const { user, password } = await create(name);
  expect(user).toMatchObject({ username: name, email: `${name}@example.com`, role: "user", status: "active" });
  expect(password).toMatch(/^[\w-]{20}$/);
  expect(await signIn(name, password)).toMatchObject({ stage: "password_change" });
  const [row] = await service.database.sql`
    select actor from audit_log where resource_type = 'users' and resource_id = ${user.id}::text`;
  expect(row?.["actor"]).toMatch(/^system:users:[\w.-]+$/);
});

it("users create takes the password from a file, and sets a role", async () => {
  const name = unique();
  const password = "a passphrase of an operator";
  const file = fileOf("password", `${password}\r\nanother line\n`);
  const { user, ...rest } = await create(name, "--password-file", file, "--role", "moderator");
  expect([user.role, rest]).toEqual(["moderator", {}]);
  // Moderators need a second factor.
  expect(await signIn(name, password)).toMatchObject({ stage: "enrolment" });
});

it.each([
  [["--email", "x", "--username", "mira"], /^--email .*\.\n$/],
  [["--email", "mira@example.com", "--username", "admin"], /^--username is reserved/],
  [
    ["--email", "mira@example.com", "--username", "mira", "--password-file", "/missing"],
    /^--password-file \/missing: there is no/,
  ],
  [["--email", "mira@example.com", "--username", "mira", "--role", "king"], /--role/],
])("users create refuses %j, and creates nothing", async (args, message) => {
  const { code, output } = await run("users", "create", ...args);
  expect(code).toBe(2);
  expect(output).toMatch(message);
  const [row] = await service.database.sql`select count(*)::int as users from users where username ilike 'mira'`;
  expect(row?.["users"]).toBe(0);
});

it("users create refuses a password that the rules refuse, and a name that is taken", async () => {
  const name = unique();
  const weak = fileOf("password", "short\n");
  const args = ["users", "create", "--email", `${name}@example.com`, "--username", name];
  expect(await run(...args, "--password-file", weak)).toMatchObject({ code: 2, stdout: "" });
  await create(name);
  const { code, output } = await run(...args);
  expect(code).toBe(1);
  expect(output).toMatch(/^This email is taken\.\n$/);
});

it("users show prints an account by id, email or username, with its security state and live sessions", async () => {
  const { sql } = service.database;
  const { id, email, username } = await account(sql);
  await sessionFor(sql, id);
  await sql`update user_sessions set revoked_at = now(), revocation_reason = 'revoked' where id = ${(await sessionFor(sql, id)).sessionId}`;
  for (const named of [id.toUpperCase(), email.toUpperCase(), username]) {
    expect(await json("users", "show", named)).toMatchObject({
      user: { id, email, username },
      security: { userId: id, loginAttempts: 0, lockedUntil: null },
      liveSessions: 2,
    });
  }
  const { output } = await run("users", "show", id);
  expect(output).toMatch(new RegExp(`^id +${id}\nemail +${email}\n`));
  expect(output).toMatch(/^lockedUntil +-$/m);
  expect(output).not.toContain("argon2");
  await sql`update users set deleted_at = now() where id = ${id}`;
  expect(await json("users", "show", id)).toMatchObject({ user: { id } });
});

it("users set-status, set-role and unlock change an account, and the audit trail names the operator", async () => {
  const { sql } = service.database;
  const { id, username } = await account(sql);
  expect(await json("users", "set-status", username, "banned")).toMatchObject({ id, status: "banned" });
  expect(await json("users", "set-status", username, "active")).toMatchObject({ id, status: "active" });
  expect(await json("users", "set-role", username, "moderator")).toMatchObject({ id, role: "moderator" });
  await sql`update user_security set login_attempts = 7, locked_until = now() + interval '1 hour' where user_id = ${id}`;
  expect(await json("users", "unlock", username)).toMatchObject({ userId: id, loginAttempts: 0, lockedUntil: null });
  expect((await run("users", "unlock", username)).output).toBe(
    `${username} is unlocked: its failed sign-in attempts count no more.\n`,
  );

  const rows = await json("audit", "list", "--user", username, "--where", '{"resourceType":"users","action":"update"}');
  expect(rows.rows.map(({ actor, changes }: never) => [actor, Object.keys(changes)])).toEqual(
    ["role", "status", "status"].map((field) => [
      expect.stringMatching(/^system:users:/),
      expect.arrayContaining([field]),
    ]),
  );
});

it("users set-role keeps the last active administrator", async () => {
  const { username } = await account(service.database.sql, "admin");
  await service.database.sql`update users set role = 'user' where role = 'admin' and username <> ${username}`;
  const { code, stdout } = await run("users", "set-role", username, "user", "--json");
  expect([code, JSON.parse(stdout).error.message]).toEqual([1, expect.stringContaining("administrator")]);
});

it("sessions list prints the live sessions of an account, and sessions revoke ends one or all", async () => {
  const { sql } = service.database;
  const { id, username, sessionId } = await account(sql);
  const others = [(await sessionFor(sql, id)).sessionId, (await sessionFor(sql, id)).sessionId];
  const listed = async (...args: string[]): Promise<string[]> =>
    (await json("sessions", "list", username, ...args)).sessions.map(({ id }: { id: string }) => id).sort();
  expect(await listed()).toEqual([sessionId, ...others].sort());
  expect((await run("sessions", "list", username)).output.trim().split("\n")).toHaveLength(4);

  expect(await json("sessions", "revoke", username, sessionId)).toEqual({ revoked: 1 });
  expect(await listed()).toEqual([...others].sort());
  expect(await run("sessions", "revoke", username, sessionId)).toMatchObject({ code: 1 });
  expect((await run("sessions", "revoke", username, "--all")).output).toBe("2 sessions ended.\n");
  expect(await listed()).toEqual([]);
  expect(await listed("--ended")).toEqual([sessionId, ...others].sort());
  for (const args of [[], [sessionId, "--all"], ["nonsense"]]) {
    expect(await run("sessions", "revoke", username, ...args)).toMatchObject({ code: 2 });
  }
});

it("audit list prints the newest rows first, more than one page of them, and as text without control characters", async () => {
  const { sql } = service.database;
  const { id } = await account(sql);
  await sql`
    insert into audit_log (actor, action, subject_id, created_at)
    select 'service:test', 'paged', ${id}::uuid, now() + n * interval '1 ms' from generate_series(1, 230) n`;
  const { rows } = await json("audit", "list", "--user", id, "--limit", "210");
  expect(rows).toHaveLength(210);
  expect(rows[0].createdAt > rows[209].createdAt).toBe(true);
  await sql`insert into audit_log (actor, action, subject_id, created_at) values ('service:test', ${"bell\u0007"}, ${id}::uuid, now() + interval '1 hour')`;
  const { output } = await run("audit", "list", "--user", id, "--limit", "1");
  expect(output).toMatch(/^\S+Z {2}service:test {2}bell\ufffd\n$/);
  expect(await run("audit", "list", "--limit", "0")).toMatchObject({ code: 2 });
  expect(await run("audit", "list", "--where", "{")).toMatchObject({ code: 2 });
});

it("a command names an account that is unknown, and prints the failure as JSON if asked", async () => {
  for (const args of [
    ["users", "show", "nobody-here"],
    ["sessions", "list", "nobody-here"],
    ["audit", "list", "--user", "nobody-here"],
  ]) {
    const { code, stdout, output } = await run(...args, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      { error: { name: "NotFoundError", message: "There is no such user." } },
    ]);
    expect(output).toContain("\nThere is no such user.\n");
  }
});
