import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import { createRefresh, type Refresh } from "../../src/identity/refresh.ts";
import { createRefreshTokens } from "../../src/identity/refresh-tokens.ts";
import { createIssueTokens } from "../../src/identity/session-tokens.ts";
import type { Repositories } from "../../src/repositories/repositories.ts";
import { connectTo, createDatabase, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { quietAuthentications } from "../support/log.ts";
import { account, passwordChangedAt, secret, tokens } from "../support/service.ts";

const config = { lifetime: 30 * 86_400, idleTimeout: 14 * 86_400, limit: 20, refreshReuse: undefined };
const by = { name: "service:test" };
const origin = { ipAddress: "203.0.113.7", userAgent: "test", requestId: "request-1" };
const refreshTokens = createRefreshTokens([secret]);

let database: TestDatabase;
let pool: Database;
let repositories: Repositories;
let refresh: Refresh;
const refreshWith = (changed: Partial<typeof config> | { refreshReuse: number }) =>
  createRefresh({
    sessions: repositories.sessions,
    refreshTokens,
    issueTokens: createIssueTokens({ accessTokens: tokens, refreshTokens }),
    config: { ...config, ...changed },
    authentications: quietAuthentications,
  });
beforeAll(async () => {
  database = await createDatabase();
  pool = await connectTo(database.url);
  repositories = repositoriesOn(pool.db);
  refresh = refreshWith({});
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

/** A player and a new session of theirs. */
async function signedIn(role?: "moderator") {
  const player = await account(database.sql, role);
  const started = await start(player.id);
  if (started === undefined) throw new Error("the session was not started");
  const issued = await createIssueTokens({ accessTokens: tokens, refreshTokens })(started);
  return { ...player, sessionId: started.id, token: issued.refreshToken };
}

const start = async (userId: string, limit = 20) =>
  repositories.sessions.start(by, {
    userId,
    passwordChangedAt: await passwordChangedAt(database.sql, userId),
    factors: ["password"],
    lifetime: config.lifetime,
    idleTimeout: config.idleTimeout,
    limit,
    ipAddress: "203.0.113.7",
    userAgent: "test",
  });

const ended = /The session has ended: sign in again\.|The refresh token has expired\./;

/** Moves the times of a session into the past. */
const age = (id: string, seconds: number) => database.sql`
  update user_sessions set rotated_at = rotated_at - ${seconds} * interval '1 second' where id = ${id}`;

const trailOf = (id: string) => database.sql`
  select action, actor, changes, host(ip_address) as ip from audit_log
  where resource_type = 'user_sessions' and resource_id = ${id} order by created_at`;

describe("a refresh token", () => {
  it("a refresh gives a new refresh token and an access token of the same session", async () => {
    const { id, sessionId, token } = await signedIn();
    const next = await refresh(token, origin);
    expect(next).toMatchObject({ expiresIn: 900, session: { id: sessionId, userId: id, revokedAt: null } });
    expect(next.session).not.toHaveProperty("auditContext");
    expect(await tokens.verify(next.accessToken)).toEqual({ kind: "user", id, sessionId });
    expect(next.refreshToken).not.toBe(token);
    expect((await refresh(next.refreshToken, origin)).session.id).toBe(sessionId);
    expect((await trailOf(sessionId)).map(({ action }) => action)).toEqual(["insert"]);
  });

  it("the predecessor gives the same successor, byte for byte, until that one is used", async () => {
    const { sessionId, token } = await signedIn();
    const first = await refresh(token, origin);
    await age(sessionId, 2 * 86_400);
    const again = await refresh(token, origin);
    const [same, other] = [await refresh(token, origin), await refresh(again.refreshToken, origin)];
    expect(same.refreshToken).toBe(again.refreshToken);
    expect((await refreshTokens.verify(first.refreshToken)).tokenId).toBe(
      (await refreshTokens.verify(again.refreshToken)).tokenId,
    );
    await expect(refresh(token, origin)).rejects.toThrow(ended);
    await expect(refresh(other.refreshToken, origin)).rejects.toThrow(ended);
  });

  it("an older token ends the session, and the trail tells from where it came", async () => {
    const { id, sessionId, token } = await signedIn();
    const second = await refresh(token, origin);
    const third = await refresh(second.refreshToken, origin);
    await expect(refresh(token, { ...origin, ipAddress: "198.51.100.9" })).rejects.toThrow(ended);
    await expect(refresh(third.refreshToken, origin)).rejects.toThrow(ended);
    expect(await repositories.sessions.findLive(id, sessionId)).toBeUndefined();
    expect((await trailOf(sessionId)).at(-1)).toMatchObject({
      actor: `user:${id}`,
      ip: "198.51.100.9",
      changes: { revocation_reason: [null, "refresh_token_reused"], revoked_at: [null, expect.any(String)] },
    });
  });

  it("a replay more than a minute after the rotation is recorded, once for each rotation", async () => {
    const { sessionId, token } = await signedIn();
    await refresh(token, origin);
    await refresh(token, origin);
    expect(await trailOf(sessionId)).toHaveLength(1);
    await age(sessionId, 61);
    await refresh(token, origin);
    await refresh(token, origin);
    expect((await trailOf(sessionId)).slice(1)).toMatchObject([
      { changes: { replayed_at: [null, expect.any(String)] } },
    ]);
  });

  it("REFRESH_REUSE_SECONDS bounds the replay, and 0 forbids it", async () => {
    const [bounded, forbidden] = [await signedIn(), await signedIn()];
    const within = refreshWith({ refreshReuse: 30 });
    const first = await within(bounded.token, origin);
    expect((await within(bounded.token, origin)).refreshToken).toBe(first.refreshToken);
    await age(bounded.sessionId, 31);
    await expect(within(bounded.token, origin)).rejects.toThrow(ended);
    const never = refreshWith({ refreshReuse: 0 });
    await never(forbidden.token, origin);
    await expect(never(forbidden.token, origin)).rejects.toThrow(ended);
  });

  it("100 refreshes at once of one token give one successor", async () => {
    const { sessionId, token } = await signedIn();
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(token, origin)));
    expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect((await refresh(answers[0]?.refreshToken ?? "", origin)).session.id).toBe(sessionId);
  });

  it("50 stale and 50 current refreshes at once end the session for all", async () => {
    const { sessionId, token } = await signedIn();
    const second = await refresh(token, origin);
    const third = await refresh(second.refreshToken, origin);
    const answers = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => refresh(n % 2 === 0 ? token : third.refreshToken, origin)),
    );
    for (const [n, answer] of answers.entries()) if (n % 2 === 0) expect(answer.status).toBe("rejected");
    await expect(refresh(third.refreshToken, origin)).rejects.toThrow(ended);
    expect((await trailOf(sessionId)).filter(({ changes }) => changes.revoked_at)).toHaveLength(1);
  });

  it.each([
    ["a revoked session", (id: string) => database.sql`update user_sessions set revoked_at = now() where id = ${id}`],
    [
      "a session without use",
      (id: string) => database.sql`update user_sessions set idle_expires_at = now() where id = ${id}`,
    ],
    ["an expired session", (id: string) => database.sql`update user_sessions set expires_at = now() where id = ${id}`],
    [
      "a session of a banned account",
      (id: string) =>
        database.sql`update users set status = 'banned' where id = (select user_id from user_sessions where id = ${id})`,
    ],
  ])("%s refuses its refresh token", async (_, change) => {
    const { sessionId, token } = await signedIn();
    await change(sessionId);
    await expect(refresh(token, origin)).rejects.toThrow(ended);
  });

  it("a token of another account's session is refused, and leaves that session", async () => {
    const [one, other] = [await signedIn(), await signedIn()];
    const claims = await refreshTokens.verify(one.token);
    const times = { issuedAt: new Date(), expiresAt: new Date(Date.now() + 60_000) };
    await expect(refresh(await refreshTokens.sign({ ...claims, userId: other.id }, times), origin)).rejects.toThrow(
      ended,
    );
    expect((await refresh(one.token, origin)).session.id).toBe(one.sessionId);
  });

  it("a session of a player who was promoted ends without use like a moderator's", async () => {
    const { id, sessionId, token } = await signedIn();
    await database.sql`update users set role = 'moderator' where id = ${id}`;
    await database.sql`update user_sessions set last_active = now() - interval '61 minutes' where id = ${sessionId}`;
    await expect(refresh(token, origin)).rejects.toThrow(ended);
  });

  it("a session of a moderator ends after an hour without use and 24 hours in all", async () => {
    const { token } = await signedIn("moderator");
    const { session } = await refresh(token, origin);
    expect(session.idleExpiresAt.getTime() - session.lastActive.getTime()).toBe(3_600_000);
    expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(24 * 3_600_000);
  });
});

describe("the limit of sessions", () => {
  it("30 sign-ins at once leave as many sessions as the limit allows, and the trail names the reason", async () => {
    const { id } = await account(database.sql);
    await Promise.all(Array.from({ length: 30 }, () => start(id, 10)));
    const [{ live, ended } = {}] = await database.sql`
      select count(*) filter (where revoked_at is null)::int as live,
        count(*) filter (where revocation_reason = 'session_limit')::int as ended
      from user_sessions where user_id = ${id}`;
    expect([live, ended]).toEqual([10, 21]);
  });

  it("the least recently used session ends", async () => {
    const { id, sessionId } = await account(database.sql);
    const second = await start(id);
    await database.sql`update user_sessions set last_active = now() - interval '1 day' where id = ${second?.id ?? ""}`;
    const third = await start(id, 2);
    const rows = await database.sql`select id from user_sessions where user_id = ${id} and revoked_at is null`;
    expect(rows.map((row) => row["id"]).sort()).toEqual([sessionId, third?.id].sort());
  });

  it("no session survives a suspension at the same time", async () => {
    const { id } = await account(database.sql);
    for (let round = 0; round < 10; round++) {
      const suspend = database.sql`update users set status = 'suspended' where id = ${id}`;
      await Promise.all([...Array.from({ length: 8 }, () => start(id)), suspend, start(id)]);
      const live = await database.sql`select 1 from user_sessions where user_id = ${id} and revoked_at is null`;
      expect(live).toHaveLength(0);
      await database.sql`update users set status = 'active' where id = ${id}`;
    }
  });

  it("no session starts with a password that was changed since it was checked, or without a factor that was bound since", async () => {
    const { id } = await account(database.sql);
    const session = { userId: id, ...{ lifetime: 60, idleTimeout: 60, limit: 20 } };
    const checked = await passwordChangedAt(database.sql, id);
    await database.sql`update user_security set password_changed_at = password_changed_at + interval '1 microsecond' where user_id = ${id}`;
    const proved = { ...session, factors: ["password"] as const };
    expect(await repositories.sessions.start(by, { ...proved, passwordChangedAt: checked })).toBeUndefined();
    expect(await start(id)).toBeDefined();
    await database.sql`
      update user_security set two_factor_enabled = true, two_factor_secret = 'v1.test.secret' where user_id = ${id}`;
    expect(await start(id)).toBeUndefined();
    const present = await passwordChangedAt(database.sql, id);
    const both = { ...session, factors: ["password", "totp"] as const, passwordChangedAt: present };
    expect(await repositories.sessions.start(by, both)).toBeDefined();
  });

  it("no session starts for an account that is not active", async () => {
    const { id } = await account(database.sql);
    await database.sql`update users set status = 'suspended' where id = ${id}`;
    expect(await start(id)).toBeUndefined();
    expect(await start(randomUUID())).toBeUndefined();
  });
});
