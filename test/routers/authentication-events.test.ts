import { randomUUID } from "node:crypto";
import { generateSync } from "otplib";
import { beforeEach, expect, it } from "vitest";
import { readableLog } from "../support/log.ts";
import { createPlayer, password } from "../support/players.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, serviceToken, signedInOf, startService, useService } from "../support/service.ts";

const wrong = "not the right password at all";

const { log, lines } = readableLog("debug");
const service = useService({ log });
// All tests sign in from one address.
beforeEach(() => service.database.sql`delete from rate_limits`);

const player = () => createPlayer(service.database.sql);
const client = () => clientOf(service.url);
const signIn = (login: string, given = password) => client().auth.signIn.mutate({ login, password: given });
const signedIn = async (login: string) => signedInOf(await signIn(login));
/** Signs in through a back end, from an address that no other test has. */
const signInFrom = (ipAddress: string, login: string) =>
  clientOf(service.url, serviceToken).auth.signIn.mutate({ login, password: wrong, ipAddress });

const counts = async () => (await clientOf(service.url, serviceToken).health.details.query()).authentications;
type Counts = Awaited<ReturnType<typeof counts>>;

/** What `work` adds to the counters, without zeros, and the lines of its events. */
async function eventsOf(work: () => Promise<unknown>) {
  const [before, first] = [await counts(), lines.length];
  await work();
  const after = await counts();
  const added = (Object.keys(after) as (keyof Counts)[])
    .map((event) => [event, after[event] - before[event]] as const)
    .filter(([, number]) => number !== 0);
  return { counted: Object.fromEntries(added), logged: lines.slice(first).filter(({ event }) => event !== undefined) };
}

it("a sign-in and a rotation are counted, and leave no line", async () => {
  const { username } = await player();
  const { counted, logged } = await eventsOf(async () => {
    const { refreshToken, accessToken } = await signedIn(username);
    for (let n = 0; n < 3; n++) await client().auth.refresh.mutate({ refreshToken });
    await clientOf(service.url, accessToken).auth.reauthenticate.mutate({ password });
  });
  expect(counted).toEqual({ sign_in_completed: 1, refresh_rotated: 1, refresh_replayed: 2, reauthenticated: 1 });
  expect(logged).toEqual([]);
});

it("wrong passwords have a line each, and those on a locked account one a minute", async () => {
  const { id, username } = await player();
  // Few at once: more could fill the queue of a loaded machine.
  const guesses = (length: number) => Promise.all(Array.from({ length }, () => refusal(signIn(username, wrong))));
  const { counted, logged } = await eventsOf(async () => {
    await guesses(5);
    await guesses(4);
  });
  expect(counted).toEqual({ wrong_password: 5, account_locked: 4 });
  const line = { level: "info", userId: id, actor: "anonymous", ipAddress: "127.0.0.1", requestId: expect.any(String) };
  const wrongPasswords = logged.filter(({ event }) => event === "wrong_password");
  expect(wrongPasswords).toEqual(Array(5).fill(expect.objectContaining(line)));
  expect(new Set(wrongPasswords.map(({ requestId }) => requestId)).size).toBe(5);
  expect(logged.filter(({ event }) => event === "account_locked")).toEqual([
    expect.objectContaining({ ...line, times: 1 }),
  ]);
});

it("unknown names of one address have one line, with neither the name nor an account", async () => {
  const logins = Array.from({ length: 3 }, () => `typed-${randomUUID()}`);
  const { counted, logged } = await eventsOf(() =>
    Promise.all(logins.map((login) => refusal(signInFrom("203.0.113.20", login)))),
  );
  expect(counted).toEqual({ unknown_name: 3 });
  expect(logged).toEqual([
    {
      level: "info",
      time: expect.any(String),
      msg: "sign-in refused: unknown name",
      event: "unknown_name",
      actor: "service:test",
      ipAddress: "203.0.113.20",
      requestId: expect.any(String),
      times: 1,
    },
  ]);
});

it("refusals by the limit of an address have one line", async () => {
  const ipAddress = "198.51.100.30";
  await service.database.sql`
    insert into rate_limits (bucket, count, expires_at)
    values (${`failures ${ipAddress}/32`}, 20, now() + interval '15 minutes')`;
  const { counted, logged } = await eventsOf(async () => {
    for (let n = 0; n < 4; n++)
      expect(await refusal(signInFrom(ipAddress, `nobody-${n}`))).toMatchObject({ code: "TOO_MANY_REQUESTS" });
  });
  expect(counted).toEqual({ address_limited: 4 });
  expect(logged).toMatchObject([{ level: "info", event: "address_limited", ipAddress, times: 1 }]);
});

it("a suspended player who knows the password is counted, and the line tells the status", async () => {
  const { id, username } = await player();
  await service.database.sql`update users set status = 'suspended' where id = ${id}`;
  const { counted, logged } = await eventsOf(() => refusal(signIn(username)));
  expect(counted).toEqual({ account_inactive: 1 });
  expect(logged).toMatchObject([{ event: "account_inactive", userId: id, reason: "suspended" }]);
});

it("wrong codes have a line each, locked ones one a minute, and an expired challenge has one", async () => {
  const { id, username } = await player();
  const mine = clientOf(service.url, (await signedIn(username)).accessToken);
  const { secret } = await mine.account.twoFactor.enrol.mutate();
  const code = (stepsAhead = 0) => generateSync({ secret, epoch: Math.floor(Date.now() / 1000) + stepsAhead * 30 });
  const { recoveryCodes } = await mine.account.twoFactor.confirm.mutate({ code: code() });
  const { counted, logged } = await eventsOf(async () => {
    await mine.auth.reauthenticate.mutate({ code: code(1) });
    const answer = await signIn(username);
    if (!("challenge" in answer)) throw new Error("the account has no second factor");
    const { challenge } = answer;
    const complete = (proof: { code: string } | { recoveryCode: string }) =>
      client().auth.completeSignIn.mutate({ challenge, ...proof });
    await Promise.all(Array.from({ length: 8 }, () => refusal(complete({ code: "000000" }))));
    await refusal(complete({ recoveryCode: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA" }));
    await complete({ recoveryCode: recoveryCodes[0] ?? "" });
    await refusal(complete({ code: code(1) }));
    await refusal(client().auth.completeSignIn.mutate({ challenge: `${randomUUID()}.nothing`, code: "000000" }));
    expect(JSON.stringify(lines)).not.toContain(challenge);
  });
  expect(counted).toEqual({
    reauthenticated: 1,
    sign_in_challenged: 1,
    wrong_code: 6,
    code_locked: 3,
    sign_in_completed: 1,
    challenge_refused: 2,
  });
  expect(logged.map(({ event, userId, reason }) => [event, userId === id, reason]).sort()).toEqual(
    [
      ["challenge_refused", false, undefined],
      ["code_locked", true, "totp"],
      ["sign_in_challenged", true, undefined],
      ...Array(5).fill(["wrong_code", true, "totp"]),
      ["wrong_code", true, "recovery_code"],
    ].sort(),
  );
  const text = JSON.stringify(lines);
  for (const sent of [secret, ...recoveryCodes]) expect(text).not.toContain(sent);
});

it("a refused refresh has a line with its reason, and the reuse of an old token a warning", async () => {
  const { id, username } = await player();
  const first = await signedIn(username);
  const refresh = (refreshToken: string | null) => client().auth.refresh.mutate({ refreshToken: String(refreshToken) });
  const second = await refresh(first.refreshToken);
  const third = await refresh(second.refreshToken);
  const { counted, logged } = await eventsOf(async () => {
    for (const token of [first.refreshToken, third.refreshToken, third.refreshToken, "nothing", first.accessToken])
      expect(await refusal(refresh(token))).toMatchObject({ code: "UNAUTHORIZED" });
  });
  expect(counted).toEqual({ refresh_token_reused: 1, refresh_refused: 4 });
  expect(logged).toMatchObject([
    { level: "warn", event: "refresh_token_reused", userId: id },
    { level: "info", event: "refresh_refused", userId: id, reason: "session_ended", times: 1 },
    { level: "info", event: "refresh_refused", reason: "invalid_token", times: 1 },
  ]);
  for (const token of [first.refreshToken, String(third.refreshToken), first.accessToken])
    expect(JSON.stringify(lines)).not.toContain(token);
});

it("a wrong password of a signed-in player is counted like one of a sign-in", async () => {
  const { id, username } = await player();
  const mine = clientOf(service.url, (await signedIn(username)).accessToken);
  const { counted, logged } = await eventsOf(() => refusal(mine.auth.reauthenticate.mutate({ password: wrong })));
  expect(counted).toEqual({ wrong_password: 1 });
  expect(logged).toMatchObject([{ event: "wrong_password", actor: `user:${id}`, userId: id }]);
});

it("lines have neither the login nor the password nor the token of a device", async () => {
  const { username, email } = await player();
  const { deviceToken } = await signedIn(username);
  const typed = `hunter2-${randomUUID()}`;
  for (const login of [typed, `${typed}@example.com`, username, email, "ö".repeat(300)])
    await refusal(client().auth.signIn.mutate({ login, password: typed, deviceToken }));
  expect(lines.filter(({ event }) => event === "wrong_password").length).toBeGreaterThan(1);
  for (const text of [typed, username, email, deviceToken, "öö"]) expect(JSON.stringify(lines)).not.toContain(text);
});

it("a service that stops writes the lines of events that are only counted so far", async () => {
  const own = readableLog();
  const other = await startService(service.database.url, { log: own.log });
  const guess = () => clientOf(other.url).auth.signIn.mutate({ login: "nobody", password: wrong });
  try {
    await Promise.all([1, 2, 3].map(() => refusal(guess())));
    expect(own.lines.filter(({ event }) => event === "unknown_name")).toMatchObject([{ times: 1 }]);
  } finally {
    await other.close();
  }
  expect(own.lines.filter(({ event }) => event === "unknown_name")).toMatchObject([{ times: 1 }, { times: 2 }]);
});
