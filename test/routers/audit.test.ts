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

describe("an event of the game", () => {
  it("is recorded as it was told, by whom, and for whom", async () => {
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
        createdAt: expect.any(Date),
      },
    ]);
  });

  it.each([
    ["an action that is a table's", { action: "update" }, "action"],
    ["an unknown account", { action: "trade.completed", userId: randomUUID() }, "userId"],
    ["an address that is none", { action: "trade.completed", ipAddress: "300.1.1.1" }, "ipAddress"],
    ["changes that are no object", { action: "trade.completed", changes: [1] as never }, "changes"],
    ["too much", { action: "trade.completed", changes: { text: "x".repeat(20_000) } }, "changes"],
  ])("is refused with %s", async (_, event, field) => {
    expect(await refusal(game.audit.record.mutate(event))).toMatchObject({ code: "BAD_REQUEST", field });
  });

  it("that is no good spoils none of those that travel with it", async () => {
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

  it("comes with many others in one call, all or none", async () => {
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

describe("the trail of a procedure", () => {
  it("says who called, from where, and under which request", async () => {
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
      // No proxy is trusted here: what the header says is not believed.
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
    // The last address is the one that the proxy saw; the first could be anything that the caller wrote.
    ["198.51.100.1, 203.0.113.66", "203.0.113.66"],
    ["203.0.113.66:5678", "203.0.113.66"],
    ["[2001:db8::1]:99", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["unknown", null],
  ])("says where a request came from as a trusted proxy tells it, and no other: %s", async (forwarded, ipAddress) => {
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

  it("has exactly one row for every row that a bulk call changed", async () => {
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
  it("shows an account what it did itself, and nothing else", async () => {
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

  it("takes back every cursor that it gives, however long what it is made of", async () => {
    for (let n = 0; n < 3; n++)
      await game.audit.record.mutate({ action: "cursor.long", userAgent: "漢".repeat(1_000) });
    const options = { where: { action: "cursor.long" }, sort: { field: "userAgent" as const }, limit: 1 };
    const { nextCursor } = await moderator.audit.list.query(options);
    expect((await moderator.audit.list.query({ ...options, cursor: nextCursor })).items).toHaveLength(1);
  });

  it("finds by actor, account, resource, action and time", async () => {
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

describe("a row of the trail that psql wrote", () => {
  const nested = (levels: number) => `{"a": ${"[".repeat(levels)}${"]".repeat(levels)}}`;

  it.each([
    ["a key that reaches a prototype", '{"a": [{"constructor": 1}]}', "audit_log_changes_keys_check"],
    ["a key __proto__", '{"__proto__": null}', "audit_log_changes_keys_check"],
    ["more levels than a client can be given", nested(5_000), "audit_log_changes_depth_check"],
    ["an array", "[1]", "audit_log_changes_check"],
  ])("is refused with %s", async (_, changes, constraint_name) => {
    await expect(
      service.database.sql`insert into audit_log (action, changes) values ('psql.bad', ${changes}::text::jsonb)`,
    ).rejects.toMatchObject({ code: "23514", constraint_name });
  });

  it("is refused with a time that no client can hold", async () => {
    await expect(
      service.database.sql`insert into audit_log (action, created_at) values ('psql.bad', 'infinity')`,
    ).rejects.toMatchObject({ code: "23514", constraint_name: "audit_log_times_check" });
  });

  it("is taken with every change of metadata that users take", async () => {
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
    ["a key that JSON sets on a prototype", '{"a": {"__proto__": {"b": 1}}}'],
    ["5,000 levels", nested(5_000)],
    ["an array", "[1, 2]"],
    ["a text", '"\\u0001"'],
    ["null", "null"],
  ])("does not fail the page with %s, where an older table took it: it is given as the very text", async (_, json) => {
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

  it("gives the beginning of changes that are too long for a page", async () => {
    const { sql } = service.database;
    for (const length of [300_000, 40_000_000]) {
      const action = `long.${length}`;
      await sql`insert into audit_log (action, changes) select ${action}, jsonb_build_object('a', string_agg(md5(n::text), '')) from generate_series(1, ${length} / 32) n`;
      const { items } = await moderator.audit.list.query({ where: { action } });
      expect(String(items[0]?.changes?.["[json]"])).toMatch(/^\{"a": "[0-9a-f]+…$|^too large to be shown: \d+ bytes$/);
    }
  });

  it("keeps numbers, texts and keys that only look odd", async () => {
    const changes = {
      n: [0.1, -1e21, 9007199254740991, 0.30000000000000004, 1e-7],
      'a "constructor": b': "}{][ \\ 1e400",
    };
    await service.database
      .sql`insert into audit_log (action, changes) values ('odd.looks', ${service.database.sql.json(changes as never)})`;
    const { items } = await moderator.audit.list.query({ where: { action: "odd.looks" } });
    expect(items[0]?.changes).toEqual(changes);
  });

  /** Runs an insert as a table did that had no checks yet, as it has none from then on. @returns the text in its answer */
  async function withoutChecks(insert: () => Promise<readonly Record<string, unknown>[]>): Promise<unknown> {
    const { sql } = service.database;
    const names = ["audit_log_changes_check", "audit_log_changes_keys_check", "audit_log_changes_depth_check"];
    await sql.unsafe(names.map((name) => `alter table audit_log drop constraint if exists ${name}`).join(";"));
    const [row] = await insert();
    return row?.["changes"];
  }
});

it("audit.partitions shows the months with their bounds", async () => {
  const admin = as(await account(service.database.sql, "admin"));
  const months = await admin.audit.partitions.query();
  expect(months.length).toBeGreaterThanOrEqual(4);
  for (const [index, { name, from, to, bytes }] of months.entries()) {
    const isLast = index === months.length - 1;
    const month = from?.toISOString().slice(0, 7).replace("-", "_");
    expect(name).toBe(isLast ? "audit_log_beyond" : `audit_log_${month}`);
    // The last one takes every later row.
    expect(to === null).toBe(isLast);
    if (index > 0) expect(from).toEqual(months[index - 1]?.to);
    expect(bytes).toBeGreaterThan(0);
  }
});
