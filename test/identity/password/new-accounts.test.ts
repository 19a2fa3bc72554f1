import { sql } from "drizzle-orm";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../src/config/index.ts";
import type { Database } from "../../../src/database/index.ts";
import { DisconnectedError, TooManyRequestsError } from "../../../src/errors.ts";
import { createAccount, createAccounts, createPasswords, type Passwords } from "../../../src/identity/index.ts";
import type { Repositories } from "../../../src/repositories/index.ts";
import { createDatabase, openPool, quiet, repositoriesOn } from "../../support/database.ts";
import { newUser } from "../../support/factories.ts";
import { quietAuthentications } from "../../support/log.ts";
import { reactions } from "./controlled-jobs.ts";

const by = { name: "service:test" };
const { signal } = new AbortController();

let pool: Database;
let users: Repositories["users"];
let passwords: Passwords;
beforeEach(async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  pool = await openPool(database.url, { DATABASE_POOL_MAX: "1" });
  users = repositoriesOn(pool.db).users;
  passwords = await createPasswords(loadConfig({ NODE_ENV: "test" }).passwords, {
    log: quiet,
    authentications: quietAuthentications,
  });
});

const account = () => {
  const { passwordHash: _, ...fields } = newUser();
  return { ...fields, password: "correct horse battery staple" };
};

/** Occupies all places of the hash queue, until the returned function is called. */
function occupy() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (let n = 0; n < passwords.queue.limit; n++) void passwords.queue.run(() => released, { lane: "known" });
  return release;
}

/** Adds a job to the hash queue that takes more than the longest wait. */
const fill = () => passwords.queue.run(async () => undefined, { lane: "known", weight: 1_000 });

const countOf = async () => Number((await pool.db.execute(sql`select count(*) as count from users`))[0]?.["count"]);

it("an account that waits for its hash holds no connection to the database", async () => {
  const release = occupy();
  const creation = createAccount(by, account(), { users, passwords, signal });
  await passwords.check("correct horse battery staple", { context: {}, field: "password" });
  await reactions();
  // The pool has one connection.
  expect(await countOf()).toBe(0);
  release();
  await creation;
  expect(await countOf()).toBe(1);
});

it("neither one account nor many are created while the hash queue is full", async () => {
  const release = occupy();
  const filling = fill();
  const one = createAccount(by, account(), { users, passwords, signal });
  await expect(one).rejects.toThrow(TooManyRequestsError);
  const rows = [newUser(), account(), account()];
  const many = createAccounts(by, rows, { users, passwords, signal, atomic: false });
  await expect(many).rejects.toMatchObject({ name: "TooManyRequestsError", retryAfter: 13 });
  release();
  await filling;
  expect(await countOf()).toBe(0);
});

it("accounts of a client that has disconnected are not created, and give their places in the hash queue back", async () => {
  const release = occupy();
  const client = new AbortController();
  const rows = [account(), account(), account()];
  const creation = createAccounts(by, rows, { users, passwords, signal: client.signal, atomic: true });
  client.abort(new DisconnectedError("The client has disconnected."));
  await expect(creation).rejects.toThrow(DisconnectedError);
  release();
  await createAccount(by, account(), { users, passwords, signal });
  expect(await countOf()).toBe(1);
});

it("an atomic call with a refused row computes no hash", async () => {
  const release = occupy();
  const rows = [account(), { ...account(), password: "too short" }];
  const report = await createAccounts(by, rows, { users, passwords, signal, atomic: true });
  expect(report).toMatchObject({ written: 0, refused: [{ index: 1, field: "password" }] });
  release();
});
