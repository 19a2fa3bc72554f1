import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
let partition: string;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  ({ sql } = database);
  await sql`insert into audit_log (action, changes) values ('first', '{"a": 1}'), ('second', '{}')`;
  partition = (await sql`select tableoid::regclass::text as name from audit_log limit 1`)[0]?.["name"];
});
afterAll(() => database.drop());

const rows = () => sql`select action, user_id, changes, created_at::text from audit_log order by created_at, action`;

/** Runs a statement as the owner of the trail, who is a superuser. */
async function refused(statement: string, message: RegExp): Promise<void> {
  const before = await rows();
  await expect(sql.unsafe(statement)).rejects.toMatchObject({
    code: "0A000",
    message: expect.stringMatching(message),
    hint: "Record what is to be added or corrected in a new row.",
  });
  expect(await rows()).toEqual(before);
}

async function insertUser(): Promise<string> {
  const { email, username, passwordHash } = newUser();
  const [row] = await sql`
    insert into users (email, username, password_hash) values (${email}, ${username}, ${passwordHash}) returning id`;
  return row?.["id"] as string;
}

describe.each([
  ["the table", () => "audit_log"],
  ["a partition", () => partition],
])("%s", (_, table) => {
  it.each([
    ["update", (name: string) => `update ${name} set action = 'other' where action = 'first'`, /^UPDATE of audit_log_/],
    ["delete", (name: string) => `delete from ${name} where action = 'first'`, /^DELETE of audit_log_/],
    ["truncate", (name: string) => `truncate ${name}`, /^TRUNCATE of audit_log.* is refused: rows of the audit trail/],
    [
      "merge",
      (name: string) =>
        `merge into ${name} as trail using (values ('first')) as given (action) on trail.action = given.action when matched then delete`,
      /^DELETE of audit_log_/,
    ],
    [
      "insert … on conflict do update",
      (name: string) =>
        `insert into ${name} select * from audit_log where action = 'first' on conflict (id, created_at) do update set action = 'other'`,
      /^UPDATE of audit_log_/,
    ],
  ])("refuses %s, also to its owner", (_kind, statement, message) => refused(statement(table()), message));
});

it("a partition that is created, or attached again, refuses a TRUNCATE and a change of its rows", async () => {
  const [made] = await sql`select create_audit_log_partitions(4) as name`;
  await sql.unsafe(`insert into audit_log (action, created_at)
    select 'ahead', lower_bound from audit_log_bounds() where relation = 'partitions.${made?.["name"]}'::regclass`);
  const update = `update partitions.${made?.["name"]} set action = 'other'`;
  await refused(update, /^UPDATE/);
  await refused(`truncate partitions.${made?.["name"]}`, /^TRUNCATE/);

  await sql.unsafe(`alter table audit_log detach partition partitions.${made?.["name"]}`);
  await sql.unsafe(`drop trigger refuse_truncate on partitions.${made?.["name"]}`);
  expect(await sql`select create_audit_log_partitions(4) as name`).toEqual([made]);
  await refused(update, /^UPDATE/);
  await refused(`truncate partitions.${made?.["name"]}`, /^TRUNCATE/);
});

describe("the foreign key of the acting user", () => {
  const actedBy = async (user: string) => {
    const action = randomUUID();
    await sql`insert into audit_log (user_id, action) values (${user}, ${action})`;
    return action;
  };
  const userOf = async (action: string) =>
    (await sql`select user_id from audit_log where action = ${action}`)[0]?.["user_id"];

  it("sets user_id to null when the account is deleted, in every partition", async () => {
    const user = await insertUser();
    const action = await actedBy(user);
    await sql`
      insert into audit_log (user_id, action, created_at)
      values (${user}, ${action}, date_trunc('month', now(), 'UTC') + interval '1 month')`;
    await sql`delete from users where id = ${user}`;
    expect(await sql`select user_id from audit_log where action = ${action}`).toEqual([
      { user_id: null },
      { user_id: null },
    ]);
  });

  it("is the only one that may do so: neither a statement nor another trigger", async () => {
    const user = await insertUser();
    const action = await actedBy(user);
    await refused(`update audit_log set user_id = null where action = '${action}'`, /^UPDATE/);
    await sql.unsafe(`
      create table lever ();
      create function pull() returns trigger language plpgsql as $$
      begin
        update public.audit_log set user_id = null where action = '${action}';
        return null;
      end $$;
      create trigger pull after insert on lever for each statement execute function pull()`);
    await refused("insert into lever default values", /^UPDATE/);
    expect(await userOf(action)).toBe(user);
  });

  it("changes no other column", async () => {
    const user = await insertUser();
    const action = await actedBy(user);
    await sql.unsafe(`
      create function alter_row() returns trigger language plpgsql as $$
      begin
        new.action := 'other';
        return new;
      end $$;
      create trigger alter_row before update on audit_log for each row execute function alter_row()`);
    await refused(`delete from users where id = '${user}'`, /^UPDATE/);
    await sql`drop trigger alter_row on audit_log`;
    expect(await userOf(action)).toBe(user);
  });
});

it("the time of a row is that of its insert, so that the rows of a transaction are in their order", async () => {
  const user = await insertUser();
  await sql.begin(async (tx) => {
    await tx`select pg_sleep(0.01)`;
    await tx`update users set email_verified = true where id = ${user}`;
    await tx`insert into audit_log (action) values ('after')`;
    await tx`update users set email_verified = false where id = ${user}`;
  });
  const trail = await sql`
    select action, created_at > lag(created_at, 1, '-infinity') over (order by created_at) as later from audit_log
    where resource_id = ${user} and action = 'update' or action = 'after' order by created_at`;
  expect(trail.map((row) => [row["action"], row["later"]])).toEqual([
    ["update", true],
    ["after", true],
    ["update", true],
  ]);
});

describe("audit_log_problems", () => {
  const problems = async () =>
    (await sql`select problem, blocks_writes from audit_log_problems()`).map((row) => ({ ...row }));

  it.each(["refuse_change", "refuse_truncate"])("reports that %s is disabled", async (trigger) => {
    expect(await problems()).toEqual([]);
    await sql.unsafe(`alter table audit_log disable trigger ${trigger}`);
    expect(await problems()).toContainEqual({
      problem: `rows of public.audit_log can be changed: trigger ${trigger} is disabled`,
      blocks_writes: false,
    });
    await sql.unsafe(`alter table audit_log enable trigger ${trigger}`);
    expect(await problems()).toEqual([]);
  });

  it("reports a trigger or rule that could change rows or leave them out", async () => {
    await sql.unsafe(`
      create function omit() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger omit before insert on audit_log for each row when (false) execute function omit();
      create trigger notify after insert on audit_log for each row when (false) execute function omit();
      create rule omit as on insert to ${partition} where false do instead nothing`);
    expect((await problems()).map(({ problem }) => problem)).toEqual(
      expect.arrayContaining([
        "rows of public.audit_log can be changed or omitted: trigger omit is not of the service",
        `rows of ${partition} can be changed or omitted: rule omit is not of the service`,
      ]),
    );
    expect(JSON.stringify(await problems())).not.toContain("notify");
    await sql.unsafe(
      `drop trigger omit on audit_log; drop trigger notify on audit_log; drop rule omit on ${partition}`,
    );
  });

  it("reports a partition whose triggers are disabled or missing", async () => {
    await sql.unsafe(
      `alter table ${partition} disable trigger refuse_change; drop trigger refuse_truncate on ${partition}`,
    );
    expect(await problems()).toEqual([
      { problem: `rows of ${partition} can be changed: trigger refuse_change is disabled`, blocks_writes: false },
      { problem: `rows of ${partition} can be changed: trigger refuse_truncate is missing`, blocks_writes: false },
    ]);
  });
});
