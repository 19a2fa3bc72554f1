import { createTRPCClient, httpBatchStreamLink } from "@trpc/client";
import type { SetCookie } from "cookie";
import { generateSync } from "otplib";
import superjson from "superjson";
import { beforeEach, expect, it } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { withCookies } from "../../src/client/token-keeping.ts";
import type { AppRouter } from "../../src/routers/app-router.ts";
import { cookieJar } from "../support/cookie-jar.ts";
import { createPlayer, password } from "../support/players.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, signedInOf, useService } from "../support/service.ts";

const origin = "https://game.example";
const refreshCookie = "__Host-aeturnis-refresh";
const deviceCookie = "__Host-aeturnis-device";

const service = useService({ env: { CORS_ORIGINS: `https://other.example,${origin}` } });
beforeEach(() => service.database.sql`delete from rate_limits`);

const player = () => createPlayer(service.database.sql);

/** A page with cookies. */
function page(headers: Record<string, string> = { origin }) {
  const jar = cookieJar(headers);
  const client = (token?: string) =>
    createClient({ url: service.url, fetch: withCookies(jar.fetch), ...(token !== undefined && { token }) });
  return { ...jar, client };
}

/** A page in which a new player is signed in. */
async function signedIn() {
  const one = await player();
  const opened = page();
  const answer = await opened.client().auth.signIn.mutate({ login: one.username, password, cookies: true });
  if ("challenge" in answer) throw new Error("the account has a second factor");
  return { ...one, ...opened, answer };
}

const value = (cookies: Map<string, SetCookie>, name = refreshCookie) => cookies.get(name)?.value ?? "";

it("a sign-in with cookies sets both for the host alone, and no token but the access token is in the body", async () => {
  const { cookies, answers, answer } = await signedIn();
  expect(answer).toMatchObject({
    stage: "full",
    accessToken: expect.any(String),
    refreshToken: null,
    deviceToken: null,
  });
  const attributes = { path: "/", secure: true, httpOnly: true, sameSite: "strict" };
  expect(answers.at(-1)?.set).toEqual([
    { name: refreshCookie, value: expect.any(String), maxAge: expect.any(Number), ...attributes },
    { name: deviceCookie, value: expect.any(String), maxAge: 400 * 86_400, ...attributes },
  ]);
  const age = cookies.get(refreshCookie)?.maxAge ?? 0;
  // The session ends after 14 days without use.
  expect([age > 14 * 86_400 - 60, age <= 14 * 86_400]).toEqual([true, true]);
  for (const token of [value(cookies), value(cookies, deviceCookie)]) expect(answers.at(-1)?.body).not.toContain(token);
  expect(answers.at(-1)?.headers.get("access-control-allow-origin")).toBe(origin);
  expect(answers.at(-1)?.headers.get("access-control-allow-credentials")).toBe("true");
});

it("a refresh by cookie rotates the cookie, and the former one gives the same again", async () => {
  const { cookies, client, id } = await signedIn();
  const first = value(cookies);
  const answer = await client().auth.refresh.mutate({ cookies: true });
  expect(answer).toMatchObject({ refreshToken: null, session: { userId: id } });
  const second = value(cookies);
  expect(second).not.toBe(first);
  cookies.set(refreshCookie, { name: refreshCookie, value: first });
  await client().auth.refresh.mutate({ cookies: true });
  expect(value(cookies)).toBe(second);
});

it("the cookie of the device lets it in where strangers are locked out", async () => {
  const { id, username, cookies, client } = await signedIn();
  await service.database.sql`update user_security set locked_until = now() + interval '1 hour' where user_id = ${id}`;
  const before = value(cookies, deviceCookie);
  expect(await client().auth.signIn.mutate({ login: username, password, cookies: true })).toMatchObject({
    stage: "full",
  });
  expect(value(cookies, deviceCookie)).toBe(before);
});

it("a sign-in that is completed by a second factor sets the cookies with the completion", async () => {
  const { answer, client, answers, username, cookies } = await signedIn();
  const mine = client(answer.accessToken);
  const { secret } = await mine.account.twoFactor.enrol.mutate();
  const now = Math.floor(Date.now() / 1_000);
  await mine.account.twoFactor.confirm.mutate({ code: generateSync({ secret, epoch: now }) });
  cookies.clear();
  const challenged = await client().auth.signIn.mutate({ login: username, password, cookies: true });
  if (!("challenge" in challenged)) throw new Error("the account has no second factor");
  expect(answers.at(-1)?.set).toEqual([]);
  const completed = await client().auth.completeSignIn.mutate({
    challenge: challenged.challenge,
    code: generateSync({ secret, epoch: now + 30 }),
    cookies: true,
  });
  expect(completed).toMatchObject({ stage: "full", refreshToken: null, deviceToken: null });
  expect([...cookies.keys()]).toEqual([refreshCookie, deviceCookie]);
});

it("only the end of the session clears its cookie, and never that of the device", async () => {
  const { id, cookies, client, answers } = await signedIn();
  await service.database.sql.unsafe(`
    create function fail() returns trigger language plpgsql as 'begin raise exception ''broken''; end';
    create trigger fail before update on user_sessions for each statement execute function fail()`);
  expect(await refusal(client().auth.refresh.mutate({ cookies: true }))).toMatchObject({
    code: "INTERNAL_SERVER_ERROR",
  });
  await service.database.sql`drop function fail() cascade`;
  expect(answers.at(-1)?.set).toEqual([]);
  await service.database.sql`
    update user_sessions set revoked_at = now(), revocation_reason = 'revoked' where user_id = ${id} and revoked_at is null`;
  expect(await refusal(client().auth.refresh.mutate({ cookies: true }))).toMatchObject({ code: "UNAUTHORIZED" });
  expect(answers.at(-1)?.set).toMatchObject([{ name: refreshCookie, value: "", maxAge: 0, path: "/", secure: true }]);
  expect([...cookies.keys()]).toEqual([deviceCookie]);
  expect(await refusal(client().auth.refresh.mutate({ cookies: true }))).toMatchObject({
    code: "UNAUTHORIZED",
    message: "There is no cookie of a session: sign in.",
  });
});

it("a sign-out clears the cookie, and a sign-out of the others keeps it", async () => {
  const { cookies, client, answer } = await signedIn();
  const mine = client(answer.accessToken);
  await mine.auth.signOut.mutate({ scope: "others", cookies: true });
  expect(cookies.has(refreshCookie)).toBe(true);
  await mine.auth.signOut.mutate({ scope: "this", cookies: true });
  expect([...cookies.keys()]).toEqual([deviceCookie]);
});

it("cookies are neither read nor set for another origin, or for none", async () => {
  const { cookies, username } = await signedIn();
  for (const headers of [
    {},
    { origin: "https://evil.example" },
    { origin: "https://game.example.evil" },
    { origin: "null" },
  ]) {
    const foreign = page(headers as Record<string, string>);
    for (const [name, one] of cookies) foreign.cookies.set(name, one);
    const refused = [
      foreign.client().auth.refresh.mutate({ cookies: true }),
      foreign.client().auth.signIn.mutate({ login: username, password, cookies: true }),
    ];
    for (const one of await Promise.all(refused.map(refusal)))
      expect(one).toMatchObject({
        code: "FORBIDDEN",
        field: "cookies",
        message: expect.stringContaining("CORS_ORIGINS"),
      });
    expect(foreign.answers.flatMap(({ set }) => set)).toEqual([]);
  }
});

it("a streamed answer, which could not set cookies, is refused before anything is tried", async () => {
  const { username } = await player();
  const client = createTRPCClient<AppRouter>({
    links: [httpBatchStreamLink({ url: service.url, transformer: superjson, headers: { origin } })],
  });
  expect(await refusal(client.auth.signIn.mutate({ login: username, password, cookies: true }))).toMatchObject({
    code: "BAD_REQUEST",
    field: "cookies",
    message: expect.stringContaining("httpBatchLink"),
  });
});

it("a client without cookies receives its tokens in the body, and none is set", async () => {
  const { username } = await player();
  const opened = page({});
  const answer = signedInOf(await opened.client().auth.signIn.mutate({ login: username, password }));
  expect(answer.refreshToken).toMatch(/^ey/);
  expect(opened.answers.at(-1)?.set).toEqual([]);
  const both = clientOf(service.url).auth.refresh.mutate({ refreshToken: answer.refreshToken, cookies: true });
  expect(await refusal(both)).toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("must have one of refreshToken and cookies"),
  });
});
