import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import type { AttemptTicket } from "../../src/repositories/attempts.ts";
import type { Repositories } from "../../src/repositories/repositories.ts";
import { connectTo, createDatabase, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { account } from "../support/service.ts";

const by = { name: "anonymous", ipAddress: "203.0.113.7" };

let database: TestDatabase;
let pool: Database;
let attempts: Repositories["attempts"];
let repositories: Repositories;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase();
  ({ sql } = database);
  pool = await connectTo(database.url);
  repositories = repositoriesOn(pool.db);
  ({ attempts } = repositories);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const take = (userId: string | undefined, more: { deviceId?: string; ipAddress?: string; login?: string } = {}) =>
  attempts.take(by, { userId, login: hash(userId ?? "nobody"), ...more });
const ticketOf = async (...args: Parameters<typeof take>) => {
  const taken = await take(...args);
  if (!("number" in taken)) throw new Error(`no ticket: ${taken.bucket}`);
  return taken;
};
const isTicket = (taken: object): taken is AttemptTicket => "number" in taken;

async function newDevice(userId: string): Promise<string> {
  const id = randomUUID();
  await sql`
    insert into user_devices (id, user_id, token_hash, last_used_at, expires_at)
    values (${id}, ${userId}, ${hash(id)}, now(), now() + interval '1 day')`;
  return id;
}

const stateOf = async (userId: string) => {
  const [row] = await sql`
    select login_attempts as attempts, round(extract(epoch from locked_until - last_attempt_at))::int as lock, failing_since is not null as failing
    from user_security where user_id = ${userId}`;
  return row;
};
const unlock = (userId: string) => sql`update user_security set locked_until = now() where user_id = ${userId}`;
/** The columns of each change by the service, and not by the test itself. */
const trailOf = async (userId: string) =>
  (
    await sql`select changes from audit_log where resource_type = 'user_security' and resource_id = ${userId} and action = 'update'
      and actor not like 'db:%' order by created_at`
  ).map((row) => Object.keys(row["changes"]).sort().join(" "));

describe("strangers' attempts", () => {
  it("100 guesses at once on each of 10 accounts get 5 tickets each, and the fifth locks for 30 s", async () => {
    const players = await Promise.all(Array.from({ length: 10 }, () => account(sql)));
    const taken = await Promise.all(
      players.flatMap(({ id }) => Array.from({ length: 100 }, async () => ({ id, taken: await take(id) }))),
    );
    for (const { id } of players) {
      expect(taken.filter((one) => one.id === id && isTicket(one.taken))).toHaveLength(5);
      expect(await stateOf(id)).toEqual({ attempts: 5, lock: 30, failing: false });
    }
  });

  it("each further failure doubles the lock up to an hour, and the hundredth is the last one that is checked", async () => {
    const { id } = await account(sql);
    const locks: number[] = [];
    for (let n = 1; n <= 100; n++) {
      await ticketOf(id);
      locks.push((await stateOf(id))?.["lock"]);
      await unlock(id);
    }
    expect(locks.slice(3, 13)).toEqual([null, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    expect(await take(id)).toMatchObject({ bucket: "locked" });
    await sql`update user_security set last_attempt_at = now() - interval '31 days' where user_id = ${id}`;
    expect(await ticketOf(id)).toMatchObject({ failures: 0 });
    expect(await stateOf(id)).toMatchObject({ attempts: 1, lock: null });
  });

  it("a success forgives its own ticket and earlier ones, in any order, and no later failure is lost", async () => {
    const { id } = await account(sql);
    const [first, second, third, fourth] = [
      await ticketOf(id),
      await ticketOf(id),
      await ticketOf(id),
      await ticketOf(id),
    ];
    await attempts.fail(by, fourth);
    await attempts.forgive(by, second);
    expect(await stateOf(id)).toMatchObject({ attempts: 2, failing: true });
    await attempts.forgive(by, first);
    expect(await stateOf(id)).toMatchObject({ attempts: 2 });
    await attempts.forgive(by, third);
    expect(await stateOf(id)).toMatchObject({ attempts: 1, failing: true });
    await attempts.forgive(by, await ticketOf(id));
    expect(await stateOf(id)).toEqual({ attempts: 0, lock: null, failing: false });
  });

  it("a burst of failures leaves a row for its begin and one for each lock, and its end leaves one", async () => {
    const { id } = await account(sql);
    for (let n = 1; n <= 7; n++) {
      await attempts.fail(by, await ticketOf(id));
      if (n >= 5) await unlock(id);
    }
    expect(await trailOf(id)).toEqual(["failing_since", "locked_until", "locked_until", "locked_until"]);
    await attempts.forgive(by, await ticketOf(id));
    expect((await trailOf(id)).slice(4)).toEqual(["locked_until", "failing_since locked_until"]);
  });

  it("an unknown account gets no ticket", async () => {
    expect(await take(undefined)).toEqual({ bucket: "unknown", wait: 0 });
    expect(await take(randomUUID())).toMatchObject({ bucket: "unknown" });
  });
});

describe("attempts from a known device", () => {
  it("a known device is admitted while strangers are locked out, and its success leaves their failures", async () => {
    const { id } = await account(sql);
    const deviceId = await newDevice(id);
    for (let n = 0; n < 5; n++) await ticketOf(id);
    expect(await take(id)).toMatchObject({ bucket: "locked" });
    const ticket = await ticketOf(id, { deviceId });
    expect(ticket).toMatchObject({ bucket: "device", failures: 0 });
    await attempts.forgive(by, ticket);
    expect(await stateOf(id)).toMatchObject({ attempts: 5, lock: 30 });
  });

  it("a device has 9 free failures, is locked at the tenth, and is forgotten at the twentieth", async () => {
    const { id } = await account(sql);
    const deviceId = await newDevice(id);
    const all = await Promise.all(Array.from({ length: 50 }, () => take(id, { deviceId })));
    expect(all.filter(isTicket)).toHaveLength(10);
    expect(all.filter(({ bucket }) => bucket === "locked")).toHaveLength(40);
    for (let n = 11; n <= 20; n++) {
      await sql`update user_devices set locked_until = now() where id = ${deviceId}`;
      await attempts.fail(by, await ticketOf(id, { deviceId }));
    }
    expect(await sql`select 1 from user_devices where id = ${deviceId}`).toHaveLength(0);
    expect(await take(id, { deviceId })).toMatchObject({ bucket: "stranger" });
  });

  it("a device of another account counts as a stranger", async () => {
    const [one, other] = [await account(sql), await account(sql)];
    expect(await take(one.id, { deviceId: await newDevice(other.id) })).toMatchObject({ bucket: "stranger" });
  });
});

describe("the limits of an address", () => {
  const many = (count: number, ipAddress: (n: number) => string, login: (n: number) => string) =>
    Promise.all(
      Array.from({ length: count }, (_, n) => take(undefined, { ipAddress: ipAddress(n), login: hash(login(n)) })),
    );
  const admitted = (taken: readonly { bucket: string }[]) => taken.filter(({ bucket }) => bucket !== "limited").length;

  it.each([
    ["20 failures of one IPv4 address", 20, () => "192.0.2.1", () => "one"],
    ["20 failures of one IPv6 /64", 20, (n: number) => `2001:db8:0:1::${n}`, () => "two"],
    ["100 failures of a /24", 100, (n: number) => `192.0.3.${n % 10}`, () => "three"],
    ["100 failures of a /48", 100, (n: number) => `2001:db8:1:${n % 10}::1`, () => "four"],
  ])("%s at once are admitted, and no more", async (_, limit, address, login) => {
    const taken = await many(limit + 30, address, login);
    expect(admitted(taken)).toBe(limit);
    const waits = taken.flatMap((one) => ("wait" in one && one.bucket === "limited" ? one.wait : []));
    for (const wait of waits) expect(wait).toSatisfy((seconds: number) => seconds > 880 && seconds <= 900);
  });

  it("30 accounts of one address an hour are admitted, and a known device passes", async () => {
    const ipAddress = "192.0.4.1";
    for (let n = 0; n < 30; n++) {
      expect(await take(undefined, { ipAddress, login: hash(`a${n}`) })).toMatchObject({ bucket: "unknown" });
      await sql`delete from rate_limits where bucket like 'failures %'`;
    }
    expect(await take(undefined, { ipAddress, login: hash("a0") })).toMatchObject({ bucket: "unknown" });
    const limited = await take(undefined, { ipAddress, login: hash("another") });
    expect(limited).toMatchObject({ bucket: "limited" });
    const { id } = await account(sql);
    expect(await take(id, { ipAddress })).toMatchObject({ bucket: "limited" });
    expect(await take(id, { ipAddress, deviceId: await newDevice(id) })).toMatchObject({ bucket: "device" });
    expect(await stateOf(id)).toMatchObject({ attempts: 0 });
  });

  it("a success takes its count back, and a window ends", async () => {
    const ipAddress = "192.0.5.1";
    const { id } = await account(sql);
    for (let n = 0; n < 25; n++) await attempts.forgive(by, await ticketOf(id, { ipAddress }));
    await many(
      20,
      () => ipAddress,
      () => "one",
    );
    expect(await take(undefined, { ipAddress })).toMatchObject({ bucket: "limited" });
    await sql`update rate_limits set expires_at = now() where bucket like '%192.0.5.%'`;
    expect(await take(undefined, { ipAddress })).toMatchObject({ bucket: "unknown" });
  });
});

describe("attempts of one-time codes", () => {
  it("the hundredth wrong code is the last one that is checked, until the factor is bound anew", async () => {
    const { secondFactors, security } = repositories;
    const { id } = await account(sql);
    for (let n = 1; n <= 100; n++) {
      expect(await attempts.takeCode(by, id)).toBe(n);
      await sql`update user_security set code_locked_until = now() - interval '1 year' where user_id = ${id}`;
    }
    expect(await attempts.takeCode(by, id)).toBeUndefined();
    await security.unlock(by, id);
    expect(await attempts.takeCode(by, id)).toBeUndefined();
    const [pendingSecret, secret] = ["v1.key.pending", "v1.key.confirmed"] as const;
    await secondFactors.beginEnrolment(by, id, pendingSecret);
    expect(await attempts.takeCode(by, id)).toBeUndefined();
    await secondFactors.confirmEnrolment(by, id, { pendingSecret, secret, step: 1, recoveryCodes: [] });
    expect(await attempts.takeCode(by, id)).toBe(101);
  });
});
