import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { newUser } from "../support/factories.ts";
import { account, clientOf, serviceToken, sessionFor, useService } from "../support/service.ts";

const service = useService();
const as = ({ token }: { token: string }) => clientOf(service.url, token);
const game = () => clientOf(service.url, serviceToken);
const summary = (items: readonly { action: string; resourceType: string | null }[]) =>
  items.map(({ action, resourceType }) => `${action} ${resourceType}`);

it("an account's history has its own rows, those of its security state, sessions and devices, and events about it", async () => {
  const { sql } = service.database;
  const player = await account(sql);
  const other = await account(sql);
  await sql`
    insert into user_devices (id, user_id, token_hash, last_used_at, expires_at)
    values (gen_random_uuid(), ${player.id}, ${"a".repeat(64)}, now(), now() + interval '1 day')`;
  await as(player).users.update.mutate({ metadata: { level: 2 } });
  await sql`update user_security set must_change_password = true where user_id = ${player.id}`;
  await sql`delete from user_devices where user_id = ${player.id}`;
  await game().audit.record.mutate({ action: "trade.completed", userId: player.id });
  await game().audit.record.mutate({
    action: "player.reported",
    resourceType: "users",
    resourceId: player.id,
    userId: other.id,
  });
  await as(other).users.update.mutate({ metadata: { level: 3 } });

  const { items } = await as(await account(sql, "moderator")).users.history.query({ id: player.id });
  expect(summary(items)).toEqual([
    "player.reported users",
    "trade.completed null",
    "delete user_devices",
    "update user_security",
    "update users",
    "insert user_devices",
    "insert user_sessions",
    "insert user_security",
    "insert users",
  ]);
  expect(new Set(items.map(({ subjectId }) => subjectId))).toEqual(new Set([player.id]));
  expect(items.slice(0, 5).map(({ actingId }) => actingId)).toEqual([other.id, player.id, null, null, player.id]);
});

it("a history has pages, filters and an order like the trail", async () => {
  const player = await account(service.database.sql);
  for (let level = 1; level <= 5; level++) await as(player).users.update.mutate({ metadata: { level } });
  const levels = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<ReturnType<typeof as>["users"]["history"]["query"]>> = await as(
      player,
    ).users.history.query({ where: { action: "update", resourceType: "users" }, limit: 2, ...(cursor && { cursor }) });
    levels.push(...page.items.map(({ changes }) => (changes as { metadata: { level: number }[] }).metadata[1]?.level));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(levels).toEqual([5, 4, 3, 2, 1]);
});

it("the history of a deleted account still names it, and who acted", async () => {
  const { sql } = service.database;
  const [player, admin] = [await account(sql), await account(sql, "admin")];
  await as(player).users.update.mutate({ metadata: { level: 9 } });
  await sql`delete from users where id = ${player.id}`;
  const rows = await sql`
    select user_id, acting_id, subject_id from audit_log where subject_id = ${player.id} and action = 'update' and resource_type = 'users'`;
  expect(rows).toEqual([{ user_id: null, acting_id: player.id, subject_id: player.id }]);
  const { items } = await as(admin).audit.list.query({
    where: { subjectId: player.id, action: "update", resourceType: "users" },
  });
  expect(items).toMatchObject([{ userId: null, actingId: player.id, subjectId: player.id }]);
});

it("a player does not learn where a moderator was, neither from rows nor by a filter or an order", async () => {
  const { sql } = service.database;
  const [player, moderator] = [await account(sql), await account(sql, "moderator")];
  await as(player).users.update.mutate({ metadata: { level: 1 } });
  await as(moderator).users.setStatus.mutate({ id: player.id, status: "suspended" });
  await as(await account(sql, "admin")).users.setStatus.mutate({ id: player.id, status: "active" });
  const mine = as(await sessionFor(sql, player.id));
  const where = { action: "update", resourceType: "users" };

  const seen = await mine.users.history.query({ where });
  expect(
    seen.items.map(({ actingId, ipAddress, userAgent }) => [
      actingId === player.id,
      ipAddress !== null,
      userAgent !== null,
    ]),
  ).toEqual([
    [false, false, false],
    [false, false, false],
    [true, true, true],
  ]);
  for (const probe of [
    { where: { and: [where, { ipAddress: "127.0.0.1" }] } },
    { where: { ...where, userAgent: { like: "*" } } },
    { where, sort: { field: "ipAddress" as const } },
  ]) {
    const probed = await mine.users.history.query(probe as never);
    expect(probed.items.map(({ actingId }) => actingId)).toEqual([player.id]);
  }
  const { items } = await as(moderator).users.history.query({ id: player.id, where });
  expect(items.every(({ ipAddress }) => ipAddress !== null)).toBe(true);
});

it("a bulk load, a cascade and a change of another client have the accounts that they are about", async () => {
  const { sql } = service.database;
  const rows = [newUser(), newUser()];
  await game().users.createMany.mutate({ rows });
  const created = await sql`select id from users where username = any (${rows.map(({ username }) => username)})`;
  for (const { id } of created) {
    const trail =
      await sql`select resource_type, acting_id, subject_id from audit_log where subject_id = ${id} order by resource_type`;
    expect(trail).toEqual([
      { resource_type: "user_security", acting_id: null, subject_id: id },
      { resource_type: "users", acting_id: null, subject_id: id },
    ]);
  }
  const { id } = await account(sql);
  await sql`delete from users where id = ${id}`;
  const deleted =
    await sql`select resource_type from audit_log where subject_id = ${id} and action = 'delete' order by resource_type`;
  expect(deleted.map((row) => row["resource_type"])).toEqual(["user_security", "user_sessions", "users"]);
});

it("acting_id is what user_id was, whatever a writer says", async () => {
  const { sql } = service.database;
  const [one, other] = [await account(sql), await account(sql)];
  const action = randomUUID();
  await sql`
    insert into audit_log (action, user_id, acting_id)
    values (${action}, ${one.id}, null), (${action}, ${one.id}, ${other.id}), (${action}, ${one.id}, ${one.id}), (${action}, null, ${other.id})`;
  const written = await sql`select acting_id from audit_log where action = ${action} order by created_at`;
  expect(written.map((row) => row["acting_id"])).toEqual([one.id, one.id, one.id, other.id]);
});
