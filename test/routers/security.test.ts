import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceToken, useService } from "../support/service.ts";

const service = useService();
const as = ({ token }: { token: string }) => clientOf(service.url, token);
let moderator: ReturnType<typeof clientOf>;
beforeAll(async () => {
  moderator = as(await account(service.database.sql, "moderator"));
});

describe("security", () => {
  it("security.get returns the security state of an account without its secrets", async () => {
    const player = await account(service.database.sql);
    await service.database.sql`
      update user_security set two_factor_secret = 'v1.key.verysecret', two_factor_enabled = true, recovery_codes = '{}'
      where user_id = ${player.id}`;
    const own = await as(player).security.get.query();
    expect(own).toEqual({
      userId: player.id,
      loginAttempts: 0,
      lastAttemptAt: null,
      lockedUntil: null,
      twoFactorEnabled: true,
      passwordChangedAt: expect.any(Date),
      mustChangePassword: false,
    });
    expect(await moderator.security.get.query({ userId: player.id })).toEqual(own);
  });

  it("a moderator unlocks an account and requires a new password", async () => {
    const player = await account(service.database.sql);
    await service.database.sql`
      update user_security set login_attempts = 7, locked_until = now() + interval '1 hour' where user_id = ${player.id}`;
    expect(await moderator.security.unlock.mutate({ userId: player.id })).toMatchObject({
      loginAttempts: 0,
      lockedUntil: null,
    });
    expect(await moderator.security.requirePasswordChange.mutate({ userId: player.id })).toMatchObject({
      mustChangePassword: true,
    });
    const changes = await service.database.sql`
      select actor, changes from audit_log where resource_type = 'user_security' and resource_id = ${player.id} and action = 'update'
      order by created_at desc limit 2`;
    expect(changes[0]).toMatchObject({
      actor: expect.stringMatching(/^user:/),
      changes: { must_change_password: [false, true] },
    });
  });

  it("unlocking ends the locks of devices and one-time codes, and enables no codes that are disabled", async () => {
    const { sql } = service.database;
    for (const [attempts, after] of [
      [7, { attempts: 0, locked: false }],
      [100, { attempts: 100, locked: true }],
    ] as const) {
      const { id } = await account(sql);
      await sql`
        update user_security set code_attempts = ${attempts}, code_attempts_total = ${attempts}, code_locked_until = now() + interval '1 hour'
        where user_id = ${id}`;
      await sql`
        insert into user_devices (id, user_id, token_hash, last_used_at, expires_at, attempts, attempts_total, failing_since, locked_until)
        values (gen_random_uuid(), ${id}, ${"a".repeat(64)}, now(), now() + interval '1 day', 12, 12, now(), now() + interval '1 hour')`;
      await moderator.security.unlock.mutate({ userId: id });
      const [codes] = await sql`
        select code_attempts as attempts, code_locked_until is not null as locked from user_security where user_id = ${id}`;
      const [device] = await sql`select attempts, locked_until, failing_since from user_devices where user_id = ${id}`;
      expect([codes, device]).toEqual([after, { attempts: 0, locked_until: null, failing_since: null }]);
      const trail =
        await sql`select actor from audit_log where resource_type = 'user_devices' and action = 'update' and resource_id like ${`${id}%`}`;
      expect(trail).toEqual([{ actor: expect.stringMatching(/^user:/) }]);
    }
  });

  it("security.unlock reports NOT_FOUND for an unknown account", async () => {
    expect(await refusal(moderator.security.unlock.mutate({ userId: randomUUID() }))).toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("security state and sessions of a deleted account are NOT_FOUND, also for administrators", async () => {
    const player = await account(service.database.sql);
    const admin = as(await account(service.database.sql, "admin"));
    await service.database.sql`update users set deleted_at = now() where id = ${player.id}`;
    for (const client of [moderator, admin]) {
      expect(await refusal(client.security.get.query({ userId: player.id }))).toMatchObject({ code: "NOT_FOUND" });
      expect(await refusal(client.security.requirePasswordChange.mutate({ userId: player.id }))).toMatchObject({
        code: "NOT_FOUND",
      });
      expect(await refusal(client.sessions.list.query({ userId: player.id }))).toMatchObject({ code: "NOT_FOUND" });
    }
  });

  it("security.failures lists accounts with failed attempts only, the latest first", async () => {
    const players = [
      await account(service.database.sql),
      await account(service.database.sql),
      await account(service.database.sql),
    ];
    for (const [index, { id }] of players.slice(0, 2).entries()) {
      await service.database.sql`
        update user_security set login_attempts = ${index + 1}, last_attempt_at = now() + ${`${index} minutes`}::interval where user_id = ${id}`;
    }
    const client = clientOf(service.url, serviceToken);
    const { items } = await client.security.failures.query();
    expect(items.map(({ userId }) => userId)).toEqual([players[1]?.id, players[0]?.id]);
    expect((await client.security.failures.query({ where: { loginAttempts: { gte: 2 } } })).items).toHaveLength(1);
  });
});

describe("sessions", () => {
  const sessionOf = async (userId: string, more: { expires?: string; revoked?: boolean } = {}) => {
    const [row] = await service.database.sql`
      insert into user_sessions (user_id, refresh_token_id, ip_address, created_at, expires_at, revoked_at)
      values (${userId}, ${randomUUID()}, '203.0.113.9', now() - interval '2 days', now() + ${more.expires ?? "1 hour"}::interval, ${more.revoked ? new Date() : null})
      returning id`;
    return row?.["id"] as string;
  };
  const check = (userId: string, sessionId: string) =>
    clientOf(service.url, serviceToken).sessions.check.query({ userId, sessionId });

  it("sessions.check returns a live session of a live account to its owner only", async () => {
    const player = await account(service.database.sql);
    const id = await sessionOf(player.id);
    expect(await check(player.id, id)).toMatchObject({
      id,
      userId: player.id,
      username: player.username,
      role: "user",
      ipAddress: "203.0.113.9",
    });
    expect(Object.keys((await check(player.id, id)) ?? {})).not.toContain("refreshTokenId");
    expect(await check(randomUUID(), id)).toBeNull();
    expect(await check(player.id, await sessionOf(player.id, { expires: "-1 second" }))).toBeNull();
    expect(await check(player.id, await sessionOf(player.id, { revoked: true }))).toBeNull();
    await service.database.sql`update users set status = 'banned' where id = ${player.id}`;
    expect(await check(player.id, id)).toBeNull();
  });

  it("sessions.list returns the sessions of one account for every filter", async () => {
    const [one, other] = [await account(service.database.sql), await account(service.database.sql)];
    const ids = [await sessionOf(one.id), await sessionOf(one.id, { revoked: true })];
    await sessionOf(other.id);
    const { items } = await as(one).sessions.list.query({ where: { or: [{ userId: other.id }, { userId: one.id }] } });
    expect(items.map(({ id }) => id).sort()).toEqual([...ids, one.sessionId].sort());
    const where = { revokedAt: null };
    expect((await moderator.sessions.list.query({ userId: one.id, where })).items).toHaveLength(2);
    expect((await as(one).sessions.list.query({ where: { userId: other.id } })).items).toEqual([]);
  });

  it("sessions are ended singly or all but one, each with an audit row", async () => {
    const player = await account(service.database.sql);
    const ids = [await sessionOf(player.id), await sessionOf(player.id), await sessionOf(player.id)] as const;
    const own = as(player);
    expect(await own.sessions.revoke.mutate({ sessionId: ids[0] })).toMatchObject({
      id: ids[0],
      revokedAt: expect.any(Date),
    });
    expect(await refusal(own.sessions.revoke.mutate({ sessionId: ids[0] }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await own.sessions.revokeAll.mutate({ except: player.sessionId })).toEqual({ revoked: 2 });
    expect(await check(player.id, player.sessionId)).not.toBeNull();
    expect(await own.sessions.revokeAll.mutate()).toEqual({ revoked: 1 });
    expect(await refusal(own.users.me.query())).toMatchObject({ code: "UNAUTHORIZED" });
    const rows = await service.database.sql`
      select actor, user_id, host(ip_address) as ip from audit_log where resource_id in ${service.database.sql(ids)} and action = 'update'`;
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row).toEqual({ actor: `user:${player.id}`, user_id: player.id, ip: "127.0.0.1" });
  });

  it("an account cannot end a session of another account", async () => {
    const [one, other] = [await account(service.database.sql), await account(service.database.sql)];
    const id = await sessionOf(other.id);
    expect(await refusal(as(one).sessions.revoke.mutate({ sessionId: id }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(as(one).sessions.revoke.mutate({ userId: other.id, sessionId: id }))).toMatchObject({
      code: "FORBIDDEN",
    });
    expect(await check(other.id, id)).not.toBeNull();
  });

  it("sessions.cleanUp deletes ended sessions, audited with its caller", async () => {
    const admin = await account(service.database.sql, "admin");
    const player = await account(service.database.sql);
    const expired = [
      await sessionOf(player.id, { expires: "-1 hour" }),
      await sessionOf(player.id, { expires: "-2 hours" }),
    ];
    const alive = await sessionOf(player.id);
    expect(await as(admin).sessions.cleanUp.mutate()).toMatchObject({ expired: expect.any(Number), more: false });
    const left = await service.database.sql`select id from user_sessions where user_id = ${player.id}`;
    expect(left.map(({ id }) => id).sort()).toEqual([alive, player.sessionId].sort());
    const rows = await service.database.sql`
      select actor from audit_log where resource_id in ${service.database.sql(expired)} and action = 'delete'`;
    expect(rows.map(({ actor }) => actor)).toEqual([`user:${admin.id}`, `user:${admin.id}`]);
  });
});
