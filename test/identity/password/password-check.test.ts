import { hash } from "@node-rs/argon2";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../src/config/config.ts";
import { TooManyRequestsError } from "../../../src/errors.ts";
import { createPasswordCheck, type PasswordCheck } from "../../../src/identity/password/password-check.ts";
import { createPasswords, type Passwords } from "../../../src/identity/password/passwords.ts";
import type { Repositories } from "../../../src/repositories/repositories.ts";
import { createDatabase, openPool, quiet, repositoriesOn, type TestDatabase } from "../../support/database.ts";
import { account } from "../../support/service.ts";
import { reactions } from "./controlled-jobs.ts";

const by = { name: "anonymous", ipAddress: "203.0.113.7" };
const password = "correct horse battery staple";

let sql: TestDatabase["sql"];
let repositories: Repositories;
let passwords: Passwords;
let check: PasswordCheck;
beforeEach(async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  ({ sql } = database);
  repositories = repositoriesOn((await openPool(database.url)).db);
  passwords = await createPasswords(loadConfig({ NODE_ENV: "test" }).passwords, quiet);
  check = createPasswordCheck({ ...repositories, passwords });
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
