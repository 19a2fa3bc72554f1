import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { createSession, type SessionOptions } from "../../src/client/index.ts";
import { cookieJar } from "../support/cookie-jar.ts";
import { eventually } from "../support/eventually.ts";
import { createPlayer, password } from "../support/players.ts";
import { useService } from "../support/service.ts";

const origin = "https://game.example";
const refreshCookie = "__Host-aeturnis-refresh";

const service = useService({ env: { CORS_ORIGINS: origin } });
beforeEach(() => service.database.sql`delete from rate_limits`);
afterEach(() => vi.useRealTimers());

/** What the tabs of one browser share: cookies and storage. */
function browser() {
  const jar = cookieJar({ origin });
  const texts = new Map<string, string>();
  const requests: string[] = [];
  const network = { isDown: false };
  const name = randomUUID();
  const openTab = (options: Partial<SessionOptions> = {}) => {
    const session = createSession({
      url: service.url,
      name,
      locks: null,
      cookies: true,
      storage: {
        getItem: (key) => texts.get(key),
        setItem: (key, value) => void texts.set(key, value),
        removeItem: (key) => void texts.delete(key),
      },
      fetch: async (url, init) => {
        requests.push(new URL(url).pathname.split("/").at(-1) ?? "");
        if (network.isDown) throw new TypeError("fetch failed");
        return jar.fetch(url, init);
      },
      ...options,
    } as SessionOptions);
    onTestFinished(() => session.close());
    return session;
  };
  return { ...jar, texts, requests, network, openTab };
}

/** A browser with a tab in which a new player is signed in. */
async function signedIn() {
  const one = await createPlayer(service.database.sql);
  const opened = browser();
  const session = opened.openTab();
  await session.signIn({ login: one.username, password });
  return { ...one, ...opened, session };
}

const liveSessions = async (id: string) => {
  const rows = await service.database.sql`
    select from user_sessions where user_id = ${id} and revoked_at is null and factors = '{password}'`;
  return rows.length;
};

const signedOut = { status: "signedOut" };

it("no token is in the storage, and another tab and a restarted browser are signed in by the cookie", async () => {
  const { id, cookies, texts, openTab, session } = await signedIn();
  const secrets = [...cookies.values()].map(({ value }) => value);
  expect(secrets).toHaveLength(2);
  for (const text of texts.values()) expect(text).toMatch(/^signed-in\.[0-9a-f-]{36}$/);
  session.close();
  const next = openTab();
  await eventually(() => expect(next.state).toEqual({ status: "signedIn", stage: "full", userId: id }));
  expect(await next.client.users.me.query()).toMatchObject({ id });
});

it("a browser that has dropped its storage, and not its cookies, is still signed in", async () => {
  const { id, texts, openTab, session } = await signedIn();
  session.close();
  texts.clear();
  const next = openTab();
  await eventually(() => expect(next.state).toMatchObject({ status: "signedIn", userId: id }));
});

it("a page that nobody has signed in to asks the service once", async () => {
  const { openTab, requests } = browser();
  const first = openTab();
  await eventually(() => expect(first.state).toEqual(signedOut));
  const second = openTab();
  await eventually(() => expect(second.state).toEqual(signedOut));
  expect(requests).toEqual(["auth.refresh"]);
});

it("a sign-out clears the cookie in all tabs, and ends the session, also after a sleep of the device", async () => {
  const { id, cookies, openTab, session } = await signedIn();
  const other = openTab();
  await eventually(() => expect(other.state.status).toBe("signedIn"));
  // The access token has expired, and the monotonic clock stood still.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 16 * 60_000 });
  await session.signOut("this");
  expect(await liveSessions(id)).toBe(0);
  expect(cookies.has(refreshCookie)).toBe(false);
  expect(session.state).toEqual(signedOut);
  await eventually(() => expect(other.state).toEqual(signedOut));
});

it("a sign-out without a connection holds in this browser, although its cookie cannot be removed", async () => {
  const { id, cookies, network, openTab, requests, session } = await signedIn();
  network.isDown = true;
  await expect(session.signOut("this")).rejects.toThrow("fetch failed");
  expect([session.state, cookies.has(refreshCookie), await liveSessions(id)]).toEqual([signedOut, true, 1]);
  network.isDown = false;
  requests.length = 0;
  const next = openTab();
  await eventually(() => expect(next.state).toEqual(signedOut));
  expect(requests).toEqual([]);
});

it("a network that is down signs nobody out, and the end of the session signs out all tabs", async () => {
  const { id, network, openTab, session } = await signedIn();
  const other = openTab();
  await eventually(() => expect(other.state.status).toBe("signedIn"));
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.advanceTimersByTime(901_000);
  network.isDown = true;
  await expect(session.client.users.me.query()).rejects.toThrow("fetch failed");
  expect(session.state.status).toBe("signedIn");
  network.isDown = false;
  expect(await session.client.users.me.query()).toMatchObject({ id });
  await service.database.sql`
    update user_sessions set revoked_at = now(), revocation_reason = 'revoked' where user_id = ${id} and revoked_at is null`;
  await expect(session.client.users.me.query()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  await eventually(() => expect([session.state, other.state]).toEqual([signedOut, signedOut]));
});

it("two tabs without Web Locks that refresh at once are both signed in afterwards", async () => {
  const { id, openTab, session } = await signedIn();
  const other = openTab();
  await eventually(() => expect(other.state.status).toBe("signedIn"));
  vi.useFakeTimers({ toFake: ["performance"] });
  for (let round = 0; round < 3; round++) {
    vi.advanceTimersByTime(901_000);
    const both = await Promise.all([session, other].map(({ client }) => client.users.me.query()));
    expect(both).toMatchObject([{ id }, { id }]);
  }
});

it("outside of a browser, cookies need a storage for what the tabs share", () => {
  expect(() => createSession({ url: service.url, cookies: true })).toThrow("There is no localStorage");
});
