import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createDatabase, serviceUser, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { endMonths } from "../support/partitions.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeEach(async () => {
  database = await createDatabase({ direct: true });
  ({ sql } = database);
  return () => database.drop();
});

const make = async () => (await sql`select create_audit_log_partitions() as name`).map((row) => row["name"] as string);
const bounds = async () =>
  (
    await sql`
      select relname as name, to_char(lower_bound, 'YYYY-MM') as from, to_char(upper_bound, 'YYYY-MM') as to
      from audit_log_bounds() join pg_class on oid = relation`
  ).map((row) => ({ ...row }) as unknown as { name: string; from: string; to: string | null });
const month = async (ahead: number) =>
  (await sql`select to_char(now() at time zone 'UTC' + make_interval(months => ${ahead}), 'YYYY_MM') as month`)[0]?.[
    "month"
  ] as string;
const problems = async () => (await sql`select * from audit_log_problems()`).map((row) => ({ ...row }));

/** The partition that receives new audit rows. */
async function placeOf(at = "now()"): Promise<string> {
  const action = randomUUID();
  await sql.unsafe(`insert into audit_log (action, created_at) values ('${action}', ${at})`);
  const [row] =
    await sql`select relname from audit_log join pg_class on audit_log.tableoid = pg_class.oid where action = ${action}`;
  return row?.["relname"];
}

describe("create_audit_log_partitions", () => {
  it.each([
    ["dropped", false, (name: string) => `drop table partitions.${name}`],
    [
      "detached, and kept its table",
      true,
      (name: string) => `alter table audit_log detach partition partitions.${name}`,
    ],
  ])("create_audit_log_partitions restores any month that was %s", async (_, kept, take) => {
    const before = await bounds();
    for (const name of [...before.map((one) => one.name)]) {
      await placeOf(
        name === "audit_log_beyond"
          ? "now() + interval '3 years'"
          : `to_date('${name.slice(-7)}', 'YYYY_MM')::timestamp at time zone 'UTC'`,
      );
      await sql.unsafe(take(name));
      expect(await problems()).toEqual([
        {
          problem: expect.stringMatching(
            kept
              ? new RegExp(`rows from .*; partitions.${name} is there, a table, and not attached$`)
              : /^audit_log has no partition for rows from \d{4}-\d\d-01 00:00:00\+00 to (infinity|\d{4}-\d\d-01 00:00:00\+00)$/,
          ),
          blocks_writes: name === before[0]?.name,
        },
      ]);
      expect(await make()).toEqual([name]);
      expect(await bounds()).toEqual(before);
      const rowsBeyond = {
        problem: expect.stringMatching(/^partitions.audit_log_beyond has rows: of \d{4}-\d\d-01 or later/),
        blocks_writes: false,
      };
      expect(await problems()).toEqual(kept && name === "audit_log_beyond" ? [rowsBeyond] : []);
    }
  });

  it("create_audit_log_partitions completes an interrupted detachment, and attaches the table again", async () => {
    const name = `audit_log_${await month(1)}`;
    const holder = postgres(database.url, { max: 1 });
    onTestFinished(() => holder.end());
    await holder.begin(async (tx) => {
      await tx`select from audit_log`;
      const detaching = sql.reserve().then(async (connection) => {
        await connection`set statement_timeout = '300ms'`;
        await connection
          .unsafe(`alter table audit_log detach partition partitions.${name} concurrently`)
          .finally(() => connection.release());
      });
      await expect(detaching).rejects.toMatchObject({ code: "57014" });
    });
    expect(await problems()).toHaveLength(1);
    expect(await make()).toEqual([name]);
    expect(await problems()).toEqual([]);
  });

  it.each([
    ["a view", (name: string) => `create view partitions.${name} as select 1 as one`, "a view"],
    [
      "an index",
      (name: string) => `create table partitions.a (a int); create index ${name} on partitions.a (a)`,
      "an index",
    ],
    ["a table of other columns", (name: string) => `create table partitions.${name} (a int)`, "a table"],
    [
      "a table with rows of another month",
      (name: string) =>
        `create table partitions.${name} (like audit_log including all); insert into partitions.${name} (action, created_at) values ('x', '2000-01-01')`,
      "a table",
    ],
  ])("%s with a month's name is reported, and the other months are created", async (_, obstruct, kind) => {
    const names = [await month(0), await month(1)].map((one) => `audit_log_${one}`);
    const [first, second] = names;
    await sql.unsafe(`drop table partitions.${first}; drop table partitions.${second}; ${obstruct(second as string)}`);
    expect(await make()).toEqual([first]);
    expect(await problems()).toEqual([
      {
        problem: expect.stringContaining(`partitions.${second} is there, ${kind}, and not attached`),
        blocks_writes: false,
      },
    ]);
    expect(await placeOf()).toBe(first);
  });

  it("create_audit_log_partitions does not move rows of the last partition, and continues after them", async () => {
    const all = await bounds();
    await endMonths(sql, { months: 6 });
    for (const at of ["now() - interval '5 months'", "now()", "now() + interval '5 years'"])
      expect(await placeOf(at)).toBe("audit_log_beyond");
    await make();
    const [wide, ...rest] = await bounds();
    expect(wide?.name).toMatch(/^audit_log_\d{4}_\d\d_to_\d{4}_\d\d$/);
    expect(rest.map(({ name }) => name)).toEqual(all.slice(1).map(({ name }) => name));
    expect(await sql.unsafe(`select count(*)::int as rows from partitions.${wide?.name}`)).toEqual([{ rows: 2 }]);
    expect(await sql`select count(*)::int as rows from partitions.audit_log_beyond`).toEqual([{ rows: 1 }]);
    expect(await make()).toEqual([]);
  });

  it("create_audit_log_partitions splits months off the last partition during concurrent changes, and none fails", async () => {
    const writers = postgres(database.url, { max: 8 });
    onTestFinished(() => writers.end());
    const { email, username, passwordHash } = newUser();
    await sql`insert into users (email, username, password_hash) values (${email}, ${username}, ${passwordHash})`;
    let running = true;
    let written = 0;
    const write = async (n: number) => {
      while (running) {
        await writers`update users set metadata = jsonb_build_object('n', ${n}::int + random()) where email = ${email}`;
        await writers`insert into users (email, username, password_hash) values (${newUser().email}, ${newUser().username}, ${passwordHash})`;
        written += 2;
      }
    };
    const writing = Promise.all(Array.from({ length: 8 }, (_, n) => write(n)));
    for (let ahead = 4; ahead < 12; ahead++)
      expect(await sql`select create_audit_log_partitions(${ahead})`).toHaveLength(1);
    running = false;
    await writing;
    const [count] = await sql`select count(*)::int as rows from audit_log where resource_type = 'users'`;
    expect(count?.["rows"]).toBe(written + 1);
  });
});

describe("prepare_audit_log_beyond", () => {
  const prepare = async () => (await sql`select prepare_audit_log_beyond() as more`)[0]?.["more"];
  const bound = async () => (await sql`select validated from audit_log_beyond_bound()`).map((row) => row["validated"]);

  it("proves the bounds of the last partition in two steps, so that nobody waits while its rows are read", async () => {
    const all = await bounds();
    await endMonths(sql, { months: 6 });
    for (const ago of [5, 1, 0]) await placeOf(`now() - interval '${ago} months'`);
    expect([await prepare(), await bound()]).toEqual([true, [false]]);
    expect(await placeOf("date_trunc('month', now(), 'UTC') + interval '1 month 27 days'")).toBe("audit_log_beyond");
    expect([await prepare(), await bound()]).toEqual([false, [true]]);
    expect([await prepare(), await bound()]).toEqual([false, [true]]);

    const notices: string[] = [];
    const observed = postgres(database.url, { max: 1, onnotice: ({ message = "" }) => notices.push(message) });
    onTestFinished(() => observed.end());
    await observed`set client_min_messages = debug1`;
    await observed`select create_audit_log_partitions()`;
    const [wide, ...rest] = await bounds();
    expect(notices).toContain(`partition constraint for table "${wide?.name}" is implied by existing constraints`);
    expect(rest.map(({ name }) => name)).toEqual(all.slice(2).map(({ name }) => name));
    expect(await sql.unsafe(`select count(*)::int as rows from partitions.${wide?.name}`)).toEqual([{ rows: 4 }]);
    expect(await sql`select from pg_constraint where conname = 'audit_log_beyond_bound'`).toEqual([]);
    expect(await prepare()).toBe(false);
  });

  it("does nothing to a last partition without rows, or with rows that are dated ahead", async () => {
    expect([await prepare(), await bound()]).toEqual([false, []]);
    await endMonths(sql, { months: 6 });
    expect([await prepare(), await bound()]).toEqual([false, []]);
    await placeOf("now()");
    await placeOf("now() + interval '5 years'");
    expect([await prepare(), await bound()]).toEqual([false, []]);
  });

  it("drops a bound of an earlier time, before it refuses rows", async () => {
    await endMonths(sql, { months: 6 });
    await placeOf("now()");
    await sql.unsafe(
      `alter table partitions.audit_log_beyond add constraint audit_log_beyond_bound check (created_at >= '2000-01-01' and created_at < '${new Date(Date.now() + 6 * 86_400_000).toISOString()}')`,
    );
    expect([await prepare(), await bound()]).toEqual([true, []]);
    expect([await prepare(), await bound()]).toEqual([true, [false]]);
  });
});

describe("during a long read of the audit trail, such as a dump", () => {
  it("during a long read, a missing month is created, months are not split off, and no change fails or waits", async () => {
    const reader = postgres(database.url, { max: 1 });
    onTestFinished(() => reader.end());
    await reader.begin(async (tx) => {
      await tx`select from audit_log`;
      const before = await bounds();
      expect(await sql`select create_audit_log_partitions(6)`).toEqual([]);
      expect(await bounds()).toEqual(before);
      await sql`insert into users (email, username, password_hash) values ('a@example.com', 'reader', '$bcrypt$x')`;
    });
    expect(await sql`select create_audit_log_partitions(6)`).toHaveLength(3);

    const first = `audit_log_${await month(0)}`;
    await sql.unsafe(`drop table partitions.${first}`);
    await reader.begin(async (tx) => {
      await tx`select from audit_log`;
      await tx`select from users`;
      expect(await make()).toEqual([first]);
    });
  });
});

describe("a service without a partition for now", () => {
  const current = async () => `audit_log_${await month(0)}`;

  it("a service without a partition for now creates it within the call that needs it, for any write", async () => {
    const service = await serviceForTest(database.url);
    const client = clientOf(service.url, serviceToken);
    const take = async () => sql.unsafe(`drop table partitions.${await current()}`);
    const user = newUser();
    await take();
    const { id } = await client.users.create.mutate(user);
    await take();
    await client.audit.record.mutate({ action: "trade.completed" });
    await take();
    await client.audit.recordMany.mutate({ events: [{ action: "trade.completed" }] });
    for (const atomic of [true, false]) {
      await take();
      const rows = Array.from({ length: 30 }, () => newUser());
      expect(await client.users.createMany.mutate({ rows, atomic })).toMatchObject({ written: 30, refused: [] });
    }
    await take();
    await client.users.byId.query({ id });
    expect((await sql`select count(*)::int as rows from users`)[0]).toEqual({ rows: 61 });
  });

  it("a service that cannot create the partition reports it to callers, in the log and at /readyz", async () => {
    const { log, lines } = readableLog("error");
    const service = await serviceForTest(database.url, { log });
    const client = clientOf(service.url, serviceToken);
    const name = await current();
    await sql.unsafe(`drop table partitions.${name}; create view partitions.${name} as select 1 as one`);
    expect(await refusal(client.users.create.mutate(newUser()))).toEqual({
      code: "SERVICE_UNAVAILABLE",
      field: null,
      message: "The audit trail has no partition for this change now. Try again in a few seconds.",
    });
    expect(JSON.stringify(lines)).toContain("no partition of relation");
    const ready = await fetch(new URL("/readyz", service.url));
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: "not ready",
      database: true,
      audit: [expect.stringContaining(`partitions.${name} is there, a view, and not attached`)],
    });
    await sql.unsafe(`drop view partitions.${name}`);
    await client.users.create.mutate(newUser());
    await eventually(async () => expect((await fetch(new URL("/readyz", service.url))).status).toBe(200));
  });

  it("a service is not ready while triggers do not fire, or while its role cannot read the audit trail", async () => {
    const problemsOf = async (url: string) => {
      const ready = await fetch(new URL("/readyz", url));
      return [ready.status, ((await ready.json()) as { audit?: string[] }).audit];
    };
    const service = await serviceForTest(database.url);
    await sql`alter table users rename to accounts`;
    expect(await problemsOf(service.url)).toEqual([503, ["the audit trail could not be checked"]]);
    await sql`alter table accounts rename to users`;
    expect(await problemsOf(service.url)).toEqual([200, undefined]);

    const name = sql(new URL(database.directUrl).pathname.slice(1));
    await sql`alter database ${name} set session_replication_role = replica`;
    try {
      const other = await serviceForTest(database.directUrl);
      expect(await problemsOf(other.url)).toEqual([503, [expect.stringContaining("session_replication_role")]]);
    } finally {
      await sql`alter database ${name} reset session_replication_role`;
    }
  });

  it("a service whose role may not create partitions reports it", async () => {
    const { log, lines } = readableLog("error");
    const service = await serviceForTest(database.url, { log });
    await sql.unsafe(`revoke execute on function create_audit_log_partitions from ${serviceUser()}`);
    const client = clientOf(service.url, serviceToken);
    await sql.unsafe(`drop table partitions.${await current()}`);
    expect(await refusal(client.users.create.mutate(newUser()))).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(JSON.stringify(lines)).toContain("permission denied for function create_audit_log_partitions");
  });
});
