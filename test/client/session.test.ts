import { randomUUID } from "node:crypto";
import { generateSync } from "otplib";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { isCredentialCall } from "../../src/client/credential-calls.ts";
import { createSession, type SessionLocks, type SessionOptions } from "../../src/client/index.ts";
import { procedures } from "../../src/routers/index.ts";
import { eventually } from "../support/eventually.ts";
import { createPlayer, password } from "../support/players.ts";
import { serviceForTest, startService, useService } from "../support/service.ts";

const service = useService();
beforeEach(() => service.database.sql`delete from rate_limits`);
afterEach(() => vi.useRealTimers());

const player = () => createPlayer(service.database.sql);

/** What tabs of one browser share: the storage, the name, and the count of requests by procedure. */
function browser() {
  const texts = new Map<string, string>();
  const requests: string[] = [];
  const written: string[] = [];
  const shared: SessionOptions = {
    url: service.url,
    name: randomUUID(),
    locks: null,
    storage: {
      getItem: (key) => texts.get(key),
      setItem: async (key, value) => {
        written.push(value);
        texts.set(key, value);
      },
      removeItem: (key) => void texts.delete(key),
    },
    fetch: (url, init) => {
      requests.push(...(new URL(url).pathname.split("/").at(-1) ?? "").split(","));
      return fetch(url, init);
    },
  };
  const openTab = (options: Partial<SessionOptions> = {}) => {
    const session = createSession({ ...shared, ...options });
    onTestFinished(() => session.close());
    return session;
  };
  const count = (path: string) => requests.filter((one) => one === path).length;
  return {
    storage: shared.storage,
    written,
    requests,
    openTab,
    count,
    stored: (key: string) => texts.get(`${shared.name}.${key}`),
  };
}

/** Locks as the Web Locks API gives them: one holder at a time, in order. */
function webLocks(): SessionLocks {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request: (_, callback) => {
      const result = last.then(callback);
      last = result.catch(() => {});
      return result;
    },
  };
}

/** A tab in which a new player is signed in. */
async function signedIn(options: Partial<SessionOptions> = {}) {
  const one = await player();
  const tabs = browser();
  const session = tabs.openTab(options);
  await session.signIn({ login: one.username, password });
  return { ...one, ...tabs, session };
}

/** The device sleeps beyond the life of the access token: its monotonic clock stands still. */
const sleepDevice = () => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 16 * 60_000 });

const endSessions = (id: string) =>
  service.database
    .sql`update user_sessions set revoked_at = now(), revocation_reason = 'revoked' where user_id = ${id} and revoked_at is null`;

const signedOut = { status: "signedOut" };

describe("a session", () => {
  it("a player signs in, calls, and signs out, and the answer holds no token", async () => {
    const { username, id } = await player();
    const { openTab, stored } = browser();
    const session = openTab();
    const states: unknown[] = [];
    session.subscribe((state) => states.push(state));
    const result = await session.signIn({ login: username, password });
    expect(Object.keys(result).sort()).toEqual(["session", "stage"]);
    expect(await session.client.users.me.query()).toMatchObject({ id });
    await session.signOut("this");
    expect(states.slice(-2)).toEqual([{ status: "signedIn", stage: "full", userId: id }, signedOut]);
    expect(stored("refresh-token")).toBeUndefined();
    await expect(session.client.users.me.query()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  });

  it("the storage never holds an access token, and a restarted program is signed in from it", async () => {
    const { id, written, openTab, session } = await signedIn();
    session.close();
    const next = openTab();
    expect(next.state).toEqual({ status: "restoring" });
    await eventually(() => expect(next.state).toEqual({ status: "signedIn", stage: "full", userId: id }));
    expect(await next.client.users.me.query()).toMatchObject({ id });
    const types = written.map((text) => {
      const [header = ""] = text.split(".");
      return text.includes(".") ? JSON.parse(Buffer.from(header, "base64url").toString()).typ : "device";
    });
    expect(types).toContain("device");
    expect(types.filter((type) => type === "at+jwt")).toEqual([]);
  });

  it("a sign-in with a second factor is completed by a code, and then the player is signed in", async () => {
    const { id, username, session } = await signedIn();
    const { secret } = await session.client.account.twoFactor.enrol.mutate();
    const code = (epoch: number) => generateSync({ secret, epoch });
    const now = Math.floor(Date.now() / 1_000);
    await session.client.account.twoFactor.confirm.mutate({ code: code(now) });
    await session.signOut("this");
    const result = await session.signIn({ login: username, password });
    if (!("challenge" in result)) throw new Error("the account has no second factor");
    expect(session.state).toEqual(signedOut);
    const completed = await session.completeSignIn({ challenge: result.challenge, code: code(now + 30) });
    expect(completed).toMatchObject({ stage: "full", session: { userId: id } });
    expect(completed).not.toHaveProperty("accessToken");
    expect(await session.client.users.me.query()).toMatchObject({ id });
  });

  it("the device token of a sign-in is sent with the next one", async () => {
    const { id, username, session } = await signedIn();
    await session.signOut("this");
    await session.signIn({ login: username, password });
    expect(await service.database.sql`select count(*)::int as n from user_devices where user_id = ${id}`).toEqual([
      { n: 1 },
    ]);
  });

  it("an access token near its end is renewed by the next call, which does not wait for it", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { session, count, stored } = await signedIn();
    const before = stored("refresh-token");
    vi.advanceTimersByTime(839_000);
    await session.client.users.me.query();
    expect(count("auth.refresh")).toBe(0);
    vi.advanceTimersByTime(2_000);
    await session.client.users.me.query();
    await eventually(() => expect(stored("refresh-token")).not.toBe(before));
    await session.client.users.me.query();
    expect(count("auth.refresh")).toBe(1);
  });

  it("20 calls with an access token that the service refuses are repeated after one refresh", async () => {
    const { session, count } = await signedIn();
    sleepDevice();
    const calls = Array.from({ length: 20 }, (_, n) => session.client.sessions.list.query({ limit: n + 1 }));
    expect((await Promise.all(calls)).map(({ items }) => items.length > 0)).not.toContain(false);
    expect(count("auth.refresh")).toBe(1);
    expect(count("sessions.list")).toBe(40);
  });

  it("a wrong password is tried once, and signs nobody out, even after the access token has expired", async () => {
    const { id, session, count } = await signedIn();
    sleepDevice();
    const wrong = "not the right password at all";
    await expect(session.client.auth.reauthenticate.mutate({ password: wrong })).rejects.toThrow(/password is wrong/);
    expect(count("auth.reauthenticate")).toBe(1);
    expect(session.state).toEqual({ status: "signedIn", stage: "full", userId: id });
    await session.client.auth.reauthenticate.mutate({ password });
  });

  it("calls that check a password go alone, as the service requires", async () => {
    for (const [path, { access }] of procedures)
      expect([path, isCredentialCall(path)]).toEqual([path, access.isCredential]);
    const { session } = await signedIn();
    const { reauthenticate } = session.client.auth;
    await Promise.all([reauthenticate.mutate({ password }), reauthenticate.mutate({ password })]);
  });

  it("the stage of a session follows a change of the password", async () => {
    const one = await player();
    await service.database.sql`update user_security set must_change_password = true where user_id = ${one.id}`;
    const session = browser().openTab();
    expect(await session.signIn({ login: one.username, password })).toMatchObject({ stage: "password_change" });
    expect(session.state).toMatchObject({ stage: "password_change" });
    const newPassword = "a long new password of mine";
    await session.client.auth.changePassword.mutate({ currentPassword: password, newPassword });
    await eventually(() => expect(session.state).toMatchObject({ stage: "full" }));
  });

  it("a refused sign-out of all keeps the player signed in, until the password is proved again", async () => {
    const { id, session } = await signedIn();
    await service.database
      .sql`update user_sessions set authenticated_at = now() - interval '11 minutes' where user_id = ${id}`;
    await expect(session.signOut("all")).rejects.toMatchObject({ data: { reason: "recent_authentication" } });
    expect(session.state.status).toBe("signedIn");
    await session.client.auth.reauthenticate.mutate({ password });
    await session.signOut("others");
    expect(session.state.status).toBe("signedIn");
    await session.signOut("all");
    expect(session.state).toEqual(signedOut);
  });
});

describe.each([
  ["with Web Locks", webLocks],
  ["without Web Locks", () => null],
])("two tabs %s", (kind, createLocks) => {
  /** Two tabs of one browser, both signed in. */
  async function twoTabs() {
    const locks = createLocks();
    const one = await signedIn({ locks });
    let reads = 0;
    const getItem = (key: string) => {
      reads++;
      return one.storage.getItem(key);
    };
    const other = one.openTab({ locks, storage: { ...one.storage, getItem } });
    await eventually(() => expect([one.session.state.status, other.state.status]).toEqual(["signedIn", "signedIn"]));
    await other.client.users.me.query();
    one.requests.length = 0;
    return { ...one, other, readsOfOther: () => reads };
  }

  it(`two tabs ${kind} go on after both were refused, and the storage has the refresh token of both`, async () => {
    const { session, other, count, id } = await twoTabs();
    sleepDevice();
    const answers = await Promise.all([session, other].map(({ client }) => client.users.me.query()));
    expect(answers).toMatchObject([{ id }, { id }]);
    if (kind === "with Web Locks") expect(count("auth.refresh")).toBe(1);
    vi.setSystemTime(Date.now() + 16 * 60_000);
    for (const { client } of [other, session]) expect(await client.users.me.query()).toMatchObject({ id });
  });

  it(`two tabs ${kind} take the access token that one of them renewed`, async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { session, other, count, readsOfOther } = await twoTabs();
    vi.advanceTimersByTime(901_000);
    const reads = readsOfOther();
    await session.client.users.me.query();
    expect(count("auth.refresh")).toBe(1);
    // The other tab compares the message with the storage.
    await eventually(() => expect(readsOfOther()).toBeGreaterThan(reads));
    await other.client.users.me.query();
    expect(count("auth.refresh")).toBe(1);
  });

  it(`two tabs ${kind} are signed out when the service has ended the session`, async () => {
    const { session, other, id, stored } = await twoTabs();
    await endSessions(id);
    await expect(session.client.users.me.query()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    expect(session.state).toEqual(signedOut);
    await eventually(() => expect(other.state).toEqual(signedOut));
    expect(stored("refresh-token")).toBeUndefined();
  });

  it(`two tabs ${kind} sign in and out together`, async () => {
    const { session, other, id, username } = await twoTabs();
    await other.signOut("this");
    await eventually(() => expect(session.state).toEqual(signedOut));
    await session.signIn({ login: username, password });
    await eventually(() => expect(other.state).toEqual({ status: "signedIn", stage: "full", userId: id }));
    expect(await other.client.users.me.query()).toMatchObject({ id });
  });
});

it("a tab takes the tokens of another although its storage shows them later than the message", async () => {
  const one = await player();
  const { openTab, storage } = browser();
  const session = openTab();
  let reads = 0;
  let isLate = false;
  const getItem = (key: string) => {
    reads++;
    return isLate && key.endsWith("refresh-token") ? undefined : storage.getItem(key);
  };
  const other = openTab({ storage: { ...storage, getItem } });
  await eventually(() => expect([session.state, other.state]).toEqual([signedOut, signedOut]));
  isLate = true;
  const before = reads;
  await session.signIn({ login: one.username, password });
  await eventually(() => expect(reads).toBeGreaterThan(before));
  expect(other.state).toEqual(signedOut);
  isLate = false;
  await eventually(() => expect(other.state).toEqual({ status: "signedIn", stage: "full", userId: one.id }));
  isLate = true;
  await session.signOut("this");
  await eventually(() => expect(other.state).toEqual(signedOut));
});

describe("a service that does not answer", () => {
  it("a stopped service signs nobody out, and the session goes on after its restart", async () => {
    const first = await startService(service.database.url);
    const { session, openTab, id, stored } = await signedIn({ url: first.url });
    await first.close();
    sleepDevice();
    const restored = openTab({ url: first.url });
    await expect(session.client.users.me.query()).rejects.toThrow(/fetch failed/);
    await expect(restored.client.users.me.query()).rejects.toThrow(/fetch failed/);
    expect([session.state.status, restored.state.status]).toEqual(["signedIn", "restoring"]);
    expect(stored("refresh-token")).toBeDefined();
    await serviceForTest(service.database.url, { env: { PORT: new URL(first.url).port } });
    await eventually(() => expect(restored.state).toEqual({ status: "signedIn", stage: "full", userId: id }));
    expect(await session.client.users.me.query()).toMatchObject({ id });
  });

  it("a refusal for now keeps the tokens, and is not asked again before its retryAfter", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let isRefusing = false;
    const data = { code: "TOO_MANY_REQUESTS", httpStatus: 429, path: "auth.refresh", field: null, reason: null };
    const body = {
      error: { json: { code: -32029, message: "Too many.", data: { ...data, requestId: "x", retryAfter: 30 } } },
    };
    let refusals = 0;
    const { session, id } = await signedIn({
      maxRetries: 0,
      fetch: (url, init) => {
        if (!isRefusing || !url.includes("auth.refresh")) return fetch(url, init);
        refusals++;
        return Promise.resolve(new Response(JSON.stringify([body]), { status: 429 }));
      },
    });
    isRefusing = true;
    vi.advanceTimersByTime(901_000);
    for (let n = 0; n < 3; n++) await expect(session.client.users.me.query()).rejects.toThrow("Too many.");
    expect([refusals, session.state.status]).toEqual([1, "signedIn"]);
    isRefusing = false;
    vi.advanceTimersByTime(30_000);
    expect(await session.client.users.me.query()).toMatchObject({ id });
  });

  it("a sign-out of this session forgets the tokens although the service does not answer", async () => {
    const stopped = await startService(service.database.url);
    const { session, stored } = await signedIn({ url: stopped.url });
    await stopped.close();
    await expect(session.signOut("this")).rejects.toThrow(/fetch failed/);
    expect([session.state, stored("refresh-token")]).toEqual([signedOut, undefined]);
  });
});
