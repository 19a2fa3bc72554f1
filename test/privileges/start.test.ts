import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import {
  createDatabase,
  createLogin,
  openPool,
  serviceUser,
  type TestDatabase,
  withLogin,
} from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
let directUrl: string;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  ({ sql, directUrl } = database);
});
afterAll(() => database.drop());

const production = { NODE_ENV: "production", DATABASE_POOL_MAX: "2" };

/** Lets a login assume the role of the service. */
const member = (user: string) => `grant ${serviceUser()} to ${user};`;

it("each connection assumes DATABASE_ROLE, and the audit trail has the actor that it passes", async () => {
  const url = withLogin(directUrl, await createLogin(sql, { rights: member }));
  const service = await serviceForTest(url, { env: { ...production, DATABASE_ROLE: serviceUser() } });
  const { id } = await clientOf(service.url, serviceToken).users.create.mutate(newUser());
  const [row] = await sql`select actor from audit_log where resource_type = 'users' and resource_id = ${id}`;
  expect(row).toEqual({ actor: "service:test" });

  const { db } = await openPool(url, { DATABASE_ROLE: serviceUser() });
  const [roles] = await db.execute("select current_user as role, session_user <> current_user as assumed");
  expect(roles).toEqual({ role: serviceUser(), assumed: true });
});

it("serve --migrate grants DATABASE_ROLE what the migrations made necessary", async () => {
  const empty = await createDatabase({ empty: true, direct: true });
  onTestFinished(empty.drop);
  const service = await serviceForTest(empty.directUrl, { migrate: true, env: { DATABASE_ROLE: serviceUser() } });
  expect(await clientOf(service.url, serviceToken).users.create.mutate(newUser())).toHaveProperty("id");
});

it("a role that does not exist, or that the login is no member of, is named with the remedy", async () => {
  const stranger = withLogin(directUrl, await createLogin(sql));
  await expect(openPool(stranger, { DATABASE_ROLE: "nobody_here" })).rejects.toThrow(
    'has no role "nobody_here": check DATABASE_ROLE, or create it with: aeturnis-data role grant nobody_here --create',
  );
  await expect(openPool(stranger, { DATABASE_ROLE: serviceUser() })).rejects.toThrow(
    `does not let this login assume the role "${serviceUser()}" of DATABASE_ROLE: grant ${serviceUser()} to <login>;`,
  );
});

it.skipIf(!hasPgBouncer)(
  "through PgBouncer the role is the login's, and another one is refused with the remedy",
  async () => {
    const { user } = await createLogin(sql, { rights: member });
    const env = { DATABASE_POOLER: "transaction", DATABASE_ROLE: serviceUser() };
    const url = await pgBouncer(withLogin(directUrl, { user, password: "secret" }), { poolSize: 2 });
    await expect(openPool(url, env)).rejects.toThrow(
      `does not pass DATABASE_ROLE on: alter role ${user} set role = '${serviceUser()}'; and reconnect the pooler.`,
    );
    await sql.unsafe(`alter role ${user} set role = '${serviceUser()}'`);
    const reconnected = await pgBouncer(withLogin(directUrl, { user, password: "secret" }), { poolSize: 2 });
    const service = await serviceForTest(reconnected, { env });
    expect(await clientOf(service.url, serviceToken).users.create.mutate(newUser())).toHaveProperty("id");
  },
);

it("a start without a privilege names it, and the command that grants it", async () => {
  const { sql, url, drop } = await createDatabase();
  onTestFinished(drop);
  const role = serviceUser();
  await sql.unsafe(
    `revoke execute on function create_user_session from ${role}; revoke update (email, role) on users from ${role}`,
  );
  await expect(serviceForTest(url)).rejects.toThrow(
    `The role ${role} lacks privileges: UPDATE (email) on table public.users, UPDATE (role) on table public.users, ` +
      "EXECUTE on function public.create_user_session. As the owner of the tables, apply pending migrations, and run: " +
      `aeturnis-data role grant ${role}`,
  );
  await sql.unsafe(`revoke usage on schema drizzle from ${role}; revoke all on audit_log from ${role}`);
  await expect(serviceForTest(url)).rejects.toThrow(
    /INSERT \(user_id\) on table public.audit_log, .* and \d+ more\. As the owner/,
  );
});

it.each([
  ["a superuser", "superuser", "", "is a superuser"],
  ["the owner of the trail", "", "alter table audit_log owner to <login>", "owns the audit trail"],
  [
    "a member of a member of the owner",
    "",
    `create role <login>_owner; create role <login>_between; alter table audit_log owner to <login>_owner;
    grant <login>_owner to <login>_between; grant <login>_between to <login>`,
    "is a member of .*_owner, which owns the audit trail",
  ],
  ["the owner of the database", "", "alter database <database> owner to <login>", "owns the database"],
  [
    "the owner of the schema of partitions",
    "",
    "alter schema partitions owner to <login>",
    "owns the schema partitions",
  ],
  ["the owner of a table", "", "alter table users owner to <login>", "owns the table public.users"],
  [
    "the owner of a function",
    "",
    "alter function refuse_audit_log_change owner to <login>",
    "owns the function refuse_audit_log_change",
  ],
  ["a login that may create roles", "createrole", "", "may create roles, and grant itself others"],
  ["a member of pg_write_all_data", "", "grant pg_write_all_data to <login>", "is a member of pg_write_all_data"],
  [
    "a login without triggers",
    "",
    "grant set on parameter session_replication_role to <login>",
    "may set session_replication_role",
  ],
  ["a login that may delete rows", "", "grant delete on audit_log to <login>", "may delete rows of the audit trail"],
])(
  "in production %s is refused, also with DATABASE_ROLE, unless DATABASE_ALLOW_OWNER permits it",
  async (_, attributes, after, reason) => {
    const [name] = await sql`select current_database() as database`;
    const { user, password } = await createLogin(sql, {
      attributes,
      rights: (user) =>
        `${member(user)} ${after.replaceAll("<login>", user).replace("<database>", name?.["database"])}`,
    });
    onTestFinished(async () => {
      await sql`alter table audit_log owner to current_user`;
      await sql.unsafe(`revoke all on parameter session_replication_role from ${user}`);
      await sql.unsafe(`drop role if exists ${user}_owner; drop role if exists ${user}_between`);
    });
    const url = withLogin(directUrl, { user, password });
    const env = { ...production, DATABASE_ROLE: serviceUser() };
    const refusal = new RegExp(`^In production .*, and ${user} ${reason}\\. Create a login`);
    await expect(serviceForTest(url, { env })).rejects.toThrow(refusal);
    const { log, lines } = readableLog("warn");
    await serviceForTest(url, { env: { ...env, DATABASE_ALLOW_OWNER: "true" }, log });
    expect(lines.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(new RegExp(`^${user} ${reason}: whoever`)),
    );
    await serviceForTest(url, { env: { DATABASE_ROLE: serviceUser() } });
  },
);

it("/readyz answers 503 and names the privileges that a migration made necessary", async () => {
  const service = await serviceForTest(database.url);
  const ready = async () => {
    const response = await fetch(new URL("/readyz", service.url));
    return [response.status, (await response.json()) as unknown];
  };
  expect(await ready()).toEqual([200, expect.not.objectContaining({ privileges: expect.anything() })]);
  await sql.unsafe(`revoke insert on challenges from ${serviceUser()}`);
  expect(await ready()).toEqual([
    503,
    expect.objectContaining({
      status: "not ready",
      privileges: expect.stringMatching(/^missing: INSERT \(user_id\) on table public.challenges, .*, and \d more$/),
    }),
  ]);
  await sql.unsafe(`grant insert on challenges to ${serviceUser()}`);
  expect((await ready())[0]).toBe(200);
});

it("in production a login of its own starts without a warning", async () => {
  const { log, lines } = readableLog("warn");
  await serviceForTest(database.url, { env: production, log });
  expect(lines).toEqual([]);
});
