import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { authenticationEvents } from "../../src/identity/authentication-events.ts";
import { createAuthenticationLog } from "../../src/identity/authentication-log.ts";
import { readableLog } from "../support/log.ts";

/** A log of authentication with a clock that the test moves. */
function createLog(level?: string) {
  const clock = { time: 0 };
  const { log, lines } = readableLog(level);
  const authentications = createAuthenticationLog(log, { now: () => clock.time });
  onTestFinished(authentications.close);
  return { ...authentications, clock, lines };
}

const from = (ipAddress: string) => ({ name: "anonymous", ipAddress, requestId: "request-1", userAgent: "test" });
const userId = randomUUID();

it("every event has a counter, which begins at 0", () => {
  const { counts, record } = createLog();
  expect(Object.keys(counts())).toEqual(authenticationEvents);
  expect(new Set(Object.values(counts()))).toEqual(new Set([0]));
  record("refresh_rotated");
  record("refresh_rotated");
  expect(counts()).toMatchObject({ refresh_rotated: 2, refresh_replayed: 0 });
});

it("a burst of 100,000 guesses on a locked account leaves two lines, from any number of addresses", () => {
  const { counts, record, close, lines } = createLog();
  for (let n = 0; n < 100_000; n++) record("account_locked", from(`198.51.${n % 256}.7`), { userId });
  close();
  expect(lines).toMatchObject([
    { level: "info", event: "account_locked", userId, times: 1 },
    { level: "info", event: "account_locked", userId, times: 99_999 },
  ]);
  expect(counts()).toMatchObject({ account_locked: 100_000 });
});

it("guesses on two locked accounts, and two events of one account, are sampled apart", () => {
  const { record, lines } = createLog();
  const other = randomUUID();
  for (const id of [userId, other, userId, other]) record("account_locked", from("198.51.100.7"), { userId: id });
  record("code_locked", from("198.51.100.7"), { userId, reason: "totp" });
  expect(lines).toMatchObject([
    { event: "account_locked", userId },
    { event: "account_locked", userId: other },
    { event: "code_locked", userId, reason: "totp" },
  ]);
});

it("unknown names are sampled by address, and an IPv6 address by its /64", () => {
  const { record, lines, clock } = createLog();
  const addresses = [
    "198.51.100.7",
    "198.51.100.8",
    "198.51.100.7",
    "2001:db8::1",
    "2001:DB8:0:0:9:8:7:6",
    "2001:db8:0:1::1",
  ];
  for (const address of addresses) record("unknown_name", from(address));
  expect(lines.map((line) => line["ipAddress"])).toEqual([
    "198.51.100.7",
    "198.51.100.8",
    "2001:db8::1",
    "2001:db8:0:1::1",
  ]);
  clock.time = 60_000;
  record("unknown_name", from("198.51.100.8"));
  expect(lines.slice(4).map(({ ipAddress, times }) => [ipAddress, times])).toEqual([
    ["198.51.100.7", 1],
    ["2001:DB8:0:0:9:8:7:6", 1],
    ["198.51.100.8", 1],
  ]);
});

it("refusals of a limit are sampled by network: /24, and /48 of IPv6", () => {
  const { record, lines } = createLog();
  const addresses = [
    "198.51.100.7",
    "198.51.100.200",
    "198.51.101.7",
    "2001:db8:1::1",
    "2001:db8:1:ffff::1",
    "2001:db8:2::1",
  ];
  for (const address of addresses) record("address_limited", from(address), { userId });
  expect(lines.map((line) => line["ipAddress"])).toEqual([
    "198.51.100.7",
    "198.51.101.7",
    "2001:db8:1::1",
    "2001:db8:2::1",
  ]);
});

it("a back end that passes no address is one origin", () => {
  const { record, lines } = createLog();
  for (const name of ["service:lobby", "service:lobby", "service:forum"]) record("unknown_name", { name });
  expect(lines.map(({ actor }) => actor)).toEqual(["service:lobby", "service:forum"]);
});

it("wrong passwords and wrong codes have a line each", () => {
  const { record, lines } = createLog();
  for (const event of ["wrong_password", "wrong_password", "wrong_code", "wrong_code"] as const)
    record(event, from("198.51.100.7"), { userId });
  expect(lines.map(({ event, times }) => [event, times])).toEqual([
    ["wrong_password", undefined],
    ["wrong_password", undefined],
    ["wrong_code", undefined],
    ["wrong_code", undefined],
  ]);
});

it("a line names the event, the account, the origin and the request, and a log of level warn has warnings only", () => {
  const { record, lines } = createLog();
  record("wrong_code", from("198.51.100.7"), { userId, reason: "recovery_code" });
  expect(lines).toEqual([
    {
      level: "info",
      time: expect.any(String),
      event: "wrong_code",
      reason: "recovery_code",
      actor: "anonymous",
      userId,
      ipAddress: "198.51.100.7",
      requestId: "request-1",
      msg: "second factor refused: the code is wrong or was used already",
    },
  ]);
  const quieter = createLog("warn");
  quieter.record("wrong_code", from("198.51.100.7"), { userId });
  quieter.record("refresh_token_reused", from("198.51.100.7"), { userId });
  expect(quieter.lines).toMatchObject([{ level: "warn", event: "refresh_token_reused", userId }]);
  expect(quieter.counts()).toMatchObject({ wrong_code: 1, refresh_token_reused: 1 });
});
