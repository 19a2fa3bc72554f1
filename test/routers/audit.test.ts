import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { newUser } from "../support/factories.ts";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const service = useService();
const as = ({ token }: { token: string }) => clientOf(service.url, token);
let game: ReturnType<typeof clientOf>;
let moderator: ReturnType<typeof clientOf>;
beforeAll(async () => {
  game = clientOf(service.url, serviceToken);
  moderator = as(await account(service.database.sql, "moderator"));
});

describe("audit.record", () => {
  it("audit.record records an event of the game with its actor, account and origin", async () => {
    const player = await account(service.database.sql);
    const event = {
      action: "trade.completed",
      resourceType: "trade",
      resourceId: randomUUID(),
      changes: { gold: [10, 20] },
      userId: player.id,
      ipAddress: "2001:db8::1",
      userAgent: "the game",
    };
    expect(await game.audit.record.mutate(event)).toEqual({ recorded: 1 });
    const { items } = await moderator.audit.list.query({
      where: { resourceType: "trade", resourceId: event.resourceId },
    });
    expect(items).toEqual([
      {
        ...event,
        id: expect.any(String),
        actor: "service:test",
        requestId: expect.any(String),
        actingId: player.id,
        subjectId: player.id,
        createdAt: expect.any(Date),
      },
    ]);
  });

  it.each([
    ["the action of a table", { action: "update" }, "action"],
    ["an unknown account", { action: "trade.completed", userId: randomUUID() }, "userId"],
    ["an invalid address", { action: "trade.completed", ipAddress: "300.1.1.1" }, "ipAddress"],
    ["changes that are not an object", { action: "trade.completed", changes: [1] as never }, "changes"],
    ["changes over 16 KiB", { action: "trade.completed", changes: { text: "x".repeat(20_000) } }, "changes"],
  ])("audit.record refuses an event with %s", async (_, event, field) => {
    expect(await refusal(game.audit.record.mutate(event))).toMatchObject({ code: "BAD_REQUEST", field });
  });

  it("audit.record records the valid events of a request in which one event is refused", async () => {
    const resourceId = randomUUID();
    const calls = Array.from({ length: 64 }, (_, n) =>
      game.audit.record.mutate({
        action: "trade.completed",
        resourceType: "trade",
        resourceId,
        ...(n === 40 && { userId: randomUUID() }),
      }),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map((_, n) => (n === 40 ? "rejected" : "fulfilled")));
    expect(await service.database.sql`select count(*)::int from audit_log where resource_id = ${resourceId}`).toEqual([
      { count: 63 },
    ]);
  });

  it("audit.record records 1,000 events of one call, or none of them", async () => {
    const resourceId = randomUUID();
    const events = Array.from({ length: 1_000 }, (_, n) => ({
      action: "quest.step",
      resourceType: "quest",
      resourceId,
      changes: { n },
    }));
    expect(await game.audit.recordMany.mutate({ events })).toEqual({ recorded: 1_000 });
    const { items } = await moderator.audit.list.query({ where: { resourceType: "quest", resourceId }, limit: 3 });
    expect(items.map(({ changes }) => changes?.["n"])).toEqual([999, 998, 997]);
    const bad = [...events.slice(0, 5), { action: "quest.step", userId: randomUUID() }];
    expect(await refusal(game.audit.recordMany.mutate({ events: bad }))).toMatchObject({
      code: "BAD_REQUEST",
      field: "events.5.userId",
    });
    expect(await service.database.sql`select count(*)::int from audit_log where resource_id = ${resourceId}`).toEqual([
      { count: 1_000 },
    ]);
  });
});

describe("the audit trail of a procedure", () => {
  it("the audit trail records a call with its actor, address, user agent and request id", async () => {
    const response = await fetch(`${service.url}/users.create`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${serviceToken}`,
        "content-type": "application/json",
        "user-agent": "game-server/7",
        "x-request-id": "request-4711",
        "x-forwarded-for": "203.0.113.66",
      },
      body: JSON.stringify({ json: newUser() }),
    });
    const { id } = ((await response.json()) as { result: { data: { json: { id: string } } } }).result.data.json;
    const { items } = await moderator.audit.list.query({ where: { resourceId: id, resourceType: "users" } });
    expect(items).toMatchObject([
      // Without a trusted proxy, X-Forwarded-For is ignored.
      {
        action: "insert",
        actor: "service:test",
        ipAddress: "127.0.0.1",
        userAgent: "game-server/7",
        requestId: "request-4711",
      },
    ]);
  });

  it.each([
    // The last address is the one that the proxy saw. The client can write any other.
    ["198.51.100.1, 203.0.113.66", "203.0.113.66"],
    ["203.0.113.66:5678", "203.0.113.66"],
    ["[2001:db8::1]:99", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["unknown", null],
  ])("the audit trail records the address that a trusted proxy reports for %s", async (forwarded, ipAddress) => {
    const { url } = await serviceForTest(service.database.url, { env: { TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.1" } });
    const headers = {
      authorization: `Bearer ${serviceToken}`,
      "content-type": "application/json",
      "x-forwarded-for": forwarded,
    };
    const user = newUser();
    await fetch(`${url}/users.create`, { method: "POST", headers, body: JSON.stringify({ json: user }) });
    const { id } = await game.users.byEmail.query({ email: user.email });
    const { items } = await moderator.audit.list.query({ where: { resourceId: id, resourceType: "users" } });
    expect(items).toMatchObject([{ ipAddress }]);
  });

  it("the audit trail records a bulk call with exactly one row for each changed row", async () => {
    const rows = Array.from({ length: 1_200 }, () => newUser());
    await game.users.createMany.mutate({ rows });
    const [counts] = await service.database.sql`
      select count(*)::int, count(distinct resource_id)::int as users from audit_log
      where resource_type = 'users' and action = 'insert' and changes -> 'email' ->> 1 in ${service.database.sql(rows.map(({ email }) => email))}
      and actor = 'service:test'`;
    expect(counts).toEqual({ count: 1_200, users: 1_200 });
  });
});

describe("audit.list", () => {
  it("audit.list shows a player the rows of their own actions only", async () => {
    const player = await account(service.database.sql);
    const mine = as(player);
    await mine.users.update.mutate({ metadata: { level: 1 } });
    await game.audit.record.mutate({ action: "report.filed", userId: player.id });
    const { items } = await mine.audit.list.query();
    expect(items.map(({ action }) => action)).toEqual(["report.filed", "update"]);
    const other = await account(service.database.sql);
    expect((await as(other).audit.list.query({ where: { userId: player.id } })).items).toEqual([]);
    expect(
      (await as(other).audit.list.query({ where: { or: [{ userId: player.id }, { not: { action: "x" } }] } })).items,
    ).toEqual([]);
  });

  it("audit.list accepts each cursor that it returns, also one of very long values", async () => {
    for (let n = 0; n < 3; n++)
      await game.audit.record.mutate({ action: "cursor.long", userAgent: "漢".repeat(1_000) });
    const options = { where: { action: "cursor.long" }, sort: { field: "userAgent" as const }, limit: 1 };
    const { nextCursor } = await moderator.audit.list.query(options);
    expect((await moderator.audit.list.query({ ...options, cursor: nextCursor })).items).toHaveLength(1);
  });

  it("audit.list filters by actor, account, resource, action and time", async () => {
    const player = await account(service.database.sql);
    const before = new Date();
    await as(player).users.update.mutate({ metadata: { level: 9 } });
    const filters = [
      { actor: `user:${player.id}` },
      { userId: player.id },
      { resourceType: "users", resourceId: player.id, action: "update" },
      { action: "update", createdAt: { gte: before }, userId: player.id },
      { createdAt: { gte: before, lt: new Date(Date.now() + 60_000) }, resourceId: player.id, resourceType: "users" },
    ];
    for (const where of filters) {
      const { items } = await moderator.audit.list.query({ where });
      expect(items, JSON.stringify(where)).toContainEqual(
        expect.objectContaining({ changes: { metadata: [{}, { level: 9 }] } }),
      );
    }
  });
});

describe("an audit row that psql writes", () => {
  const nested = (levels: number) => `{"a": ${"[".repeat(levels)}${"]".repeat(levels)}}`;

  it.each([
    ["a key that reaches a prototype", '{"a": [{"constructor": 1}]}', "audit_log_changes_keys_check"],
    ["a key __proto__", '{"__proto__": null}', "audit_log_changes_keys_check"],
    ["more levels than a client can parse", nested(5_000), "audit_log_changes_depth_check"],
    ["an array", "[1]", "audit_log_changes_check"],
  ])("the table refuses changes with %s from psql", async (_, changes, constraint_name) => {
    await expect(
      service.database.sql`insert into audit_log (action, changes) values ('psql.bad', ${changes}::text::jsonb)`,
    ).rejects.toMatchObject({ code: "23514", constraint_name });
  });

  it("the table refuses a time from psql that a client cannot hold", async () => {
    await expect(
      service.database.sql`insert into audit_log (action, created_at) values ('psql.bad', 'infinity')`,
    ).rejects.toMatchObject({ code: "23514", constraint_name: "audit_log_times_check" });
  });

  it("the trail records each change of metadata that the users table accepts", async () => {
    const { sql } = service.database;
    const { id } = await account(sql);
    const metadata = nested(31);
    await sql`update users set metadata = ${metadata}::text::jsonb where id = ${id}`;
    const { items } = await moderator.audit.list.query({
      where: { resourceId: id, resourceType: "users", action: "update" },
    });
    expect(items[0]?.changes).toEqual({ metadata: [{}, JSON.parse(metadata)] });
  });

  it.each([
    ["a key that reaches a prototype", '{"constructor": 1}'],
    ["the key __proto__", '{"a": {"__proto__": {"b": 1}}}'],
    ["5,000 levels", nested(5_000)],
    ["an array", "[1, 2]"],
    ["a text", '"\\u0001"'],
    ["null", "null"],
  ])("audit.list returns old changes with %s as their text", async (_, json) => {
    const { sql } = service.database;
    const action = `old.${randomUUID()}`;
    const text = await withoutChecks(
      () =>
        sql`insert into audit_log (action, changes) values (${action}, ${json}::text::jsonb) returning changes::text`,
    );
    const { items } = await moderator.audit.list.query({ where: { action } });
    expect(items[0]?.changes).toEqual({ "[json]": text });
    expect((await moderator.audit.list.query({ limit: 5 })).items).toHaveLength(5);
  });

  it("audit.list returns the beginning of changes that are too long for a page", async () => {
    const { sql } = service.database;
    for (const length of [300_000, 40_000_000]) {
      const action = `long.${length}`;
      await sql`insert into audit_log (action, changes) select ${action}, jsonb_build_object('a', string_agg(md5(n::text), '')) from generate_series(1, ${length} / 32) n`;
      const { items } = await moderator.audit.list.query({ where: { action } });
      expect(String(items[0]?.changes?.["[json]"])).toMatch(/^\{"a": "[0-9a-f]+…$|^too large to be shown: \d+ bytes$/);
    }
  });

  it("audit.list returns unusual numbers, texts and keys unchanged", async () => {
    const changes = {
      n: [0.1, -1e21, 9007199254740991, 0.30000000000000004, 1e-7],
      'a "constructor": b': "}{][ \\ 1e400",
    };
    await service.database
      .sql`insert into audit_log (action, changes) values ('odd.looks', ${service.database.sql.json(changes as never)})`;
    const { items } = await moderator.audit.list.query({ where: { action: "odd.looks" } });
    expect(items[0]?.changes).toEqual(changes);
  });

  /** Inserts a row after dropping the checks of `changes`, as in an older table, and returns the text of its changes. */
  async function withoutChecks(insert: () => Promise<readonly Record<string, unknown>[]>): Promise<unknown> {
    const { sql } = service.database;
    const names = ["audit_log_changes_check", "audit_log_changes_keys_check", "audit_log_changes_depth_check"];
    await sql.unsafe(names.map((name) => `alter table audit_log drop constraint if exists ${name}`).join(";"));
    const [row] = await insert();
    return row?.["changes"];
  }
});

it("audit.partitions lists the months with their bounds", async () => {
  const admin = as(await account(service.database.sql, "admin"));
  const months = await admin.audit.partitions.query();
  expect(months.length).toBeGreaterThanOrEqual(4);
  for (const [index, { name, from, to, bytes }] of months.entries()) {
    const isLast = index === months.length - 1;
    const month = from?.toISOString().slice(0, 7).replace("-", "_");
    expect(name).toBe(isLast ? "audit_log_beyond" : `audit_log_${month}`);
    // The last partition holds every later row.
    expect(to === null).toBe(isLast);
    if (index > 0) expect(from).toEqual(months[index - 1]?.to);
    expect(bytes).toBeGreaterThan(0);
  }
});
