import { hash } from "@node-rs/argon2";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../src/config/config.ts";
import { TooManyRequestsError } from "../../../src/errors.ts";
import { type AuthenticationLog, createAuthenticationLog } from "../../../src/identity/authentication-log.ts";
import { createPasswordCheck, type PasswordCheck } from "../../../src/identity/password/password-check.ts";
import { createPasswords, type Passwords } from "../../../src/identity/password/passwords.ts";
import type { Repositories } from "../../../src/repositories/repositories.ts";
import { createDatabase, openPool, quiet, repositoriesOn, type TestDatabase } from "../../support/database.ts";
import { readableLog } from "../../support/log.ts";
import { account } from "../../support/service.ts";
import { reactions } from "./controlled-jobs.ts";

const by = { name: "anonymous", ipAddress: "203.0.113.7" };
const password = "correct horse battery staple";

let sql: TestDatabase["sql"];
let repositories: Repositories;
let passwords: Passwords;
let check: PasswordCheck;
let authentications: AuthenticationLog;
let lines: Record<string, unknown>[];
beforeEach(async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  ({ sql } = database);
  repositories = repositoriesOn((await openPool(database.url)).db);
  const captured = readableLog();
  ({ lines } = captured);
  authentications = createAuthenticationLog(captured.log);
  onTestFinished(authentications.close);
  passwords = await createPasswords(loadConfig({ NODE_ENV: "test" }).passwords, {
    log: quiet,
    authentications,
  });
  check = createPasswordCheck({ ...repositories, passwords, authentications });
});

/** Occupies the hash queue, with more waiting work than it admits, until the returned function is called. */
function fillQueue() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const run = (weight: number) => void passwords.queue.run(() => released, { lane: "known", weight });
  for (let n = 0; n < passwords.queue.limit; n++) run(1);
  run(1_000);
  return release;
}

async function attemptOf(storedHash: string) {
  const { id, username } = await account(sql);
  await sql`update users set password_hash = ${storedHash} where id = ${id}`;
  const credentials = await repositories.credentials.findByLogin(username, "");
  return { id, attempt: { credentials, login: username, password, arrived: performance.now() } };
}

it("an attempt that the queue refuses is not counted, and takes no time of its address", async () => {
  const { id, attempt } = await attemptOf(await hash(password));
  const release = fillQueue();
  await expect(check(by, attempt)).rejects.toThrow(TooManyRequestsError);
  const [state] = await sql`select attempts_total::int as total from user_security where user_id = ${id}`;
  expect([state, await sql`select 1 from rate_limits`]).toEqual([{ total: 0 }, []]);
  release();
  await reactions();
  expect((await check(by, attempt)).ticket).toMatchObject({ bucket: "stranger", number: 1 });
});

it("a client that disconnects while its attempt waits is not counted", async () => {
  const { id, attempt } = await attemptOf(await hash(password));
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (let n = 0; n < passwords.queue.limit; n++) void passwords.queue.run(() => released, { lane: "known" });
  const controller = new AbortController();
  const waiting = check(by, { ...attempt, signal: controller.signal });
  controller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  release();
  const [state] = await sql`select attempts_total::int as total from user_security where user_id = ${id}`;
  expect(state).toEqual({ total: 0 });
});

it("a full queue is one warning, whatever it refuses, and its last line tells how many", async () => {
  const { attempt } = await attemptOf(await hash(password));
  const release = fillQueue();
  for (let n = 0; n < 3; n++) await expect(check(by, attempt)).rejects.toThrow(TooManyRequestsError);
  await expect(passwords.hash(password, { lane: "known" })).rejects.toThrow(TooManyRequestsError);
  expect(lines).toMatchObject([{ level: "warn", event: "password_queue_full", times: 1 }]);
  expect(authentications.counts()).toMatchObject({ password_queue_full: 4, wrong_password: 0, address_limited: 0 });
  authentications.close();
  expect(lines.slice(1)).toMatchObject([{ event: "password_queue_full", times: 3 }]);
  release();
});
