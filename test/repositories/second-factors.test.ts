import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import type { Repositories } from "../../src/repositories/repositories.ts";
import { connectTo, createDatabase, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { account } from "../support/service.ts";

const by = { name: "service:test" };
const hashes = Array.from({ length: 10 }, (_, n) => createHash("sha256").update(`code ${n}`).digest("hex"));
const [firstHash = "", secondHash = ""] = hashes;

let database: TestDatabase;
let pool: Database;
let secondFactors: Repositories["secondFactors"];
beforeAll(async () => {
  database = await createDatabase();
  pool = await connectTo(database.url);
  ({ secondFactors } = repositoriesOn(pool.db));
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

/** An account with a second factor whose last step is 100. */
async function enrolled(): Promise<string> {
  const { id } = await account(database.sql);
  await secondFactors.beginEnrolment(by, id, "v1.a.pending");
  const confirmed = { pendingSecret: "v1.a.pending", secret: "v1.a.secret", step: 100, recoveryCodes: hashes };
  expect(await secondFactors.confirmEnrolment(by, id, confirmed)).toBe(true);
  return id;
}

const trailOf = async (id: string) => {
  const rows = await database.sql`
    select changes, actor from audit_log
    where resource_type = 'user_security' and resource_id = ${id} and action = 'update' order by created_at`;
  return rows.map(({ changes, actor }) => [actor, changes]);
};

const hundred = <T>(call: (n: number) => Promise<T>) => Promise.all(Array.from({ length: 100 }, (_, n) => call(n)));

describe("a time step", () => {
  it("a step is taken if it is later than the last one", async () => {
    const id = await enrolled();
    const taken: boolean[] = [];
    for (const step of [99, 100, 101, 101, 100, 103, 102]) taken.push(await secondFactors.takeStep(id, step));
    expect(taken).toEqual([false, false, true, false, false, true, false]);
    expect(await secondFactors.findTotp(id)).toEqual({ secret: "v1.a.secret", lastStep: 103 });
  });

  it("100 calls at once take one step once, and leave no row in the trail", async () => {
    const id = await enrolled();
    const before = await trailOf(id);
    expect((await hundred(() => secondFactors.takeStep(id, 101))).filter(Boolean)).toHaveLength(1);
    expect(await trailOf(id)).toEqual(before);
  });

  it("an account without a second factor has no steps to take", async () => {
    const { id } = await account(database.sql);
    expect([await secondFactors.findTotp(id), await secondFactors.takeStep(id, 1)]).toEqual([undefined, false]);
  });
});

describe("a recovery code", () => {
  it("100 calls at once take one recovery code once, and the trail records it once", async () => {
    const id = await enrolled();
    const before = await trailOf(id);
    const left = await hundred(() => secondFactors.takeRecoveryCode(by, id, firstHash));
    expect(left.filter((count) => count !== undefined)).toEqual([9]);
    expect((await trailOf(id)).slice(before.length)).toEqual([
      ["service:test", { recovery_codes: ["[secret]", "[secret]"] }],
    ]);
  });

  it("all ten codes can be taken at once, each by one of ten calls, down to none", async () => {
    const id = await enrolled();
    const left = await hundred((n) => secondFactors.takeRecoveryCode(by, id, hashes[n % 10] ?? ""));
    expect(left.filter((count) => count !== undefined).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await secondFactors.countRecoveryCodes(id)).toBe(0);
  });

  it("a code of another account, or one that was replaced, is not taken", async () => {
    const [id, { id: other }] = [await enrolled(), await account(database.sql)];
    expect(await secondFactors.takeRecoveryCode(by, other, firstHash)).toBeUndefined();
    expect(await secondFactors.replaceRecoveryCodes(by, id, [secondHash])).toBe(true);
    expect(await secondFactors.takeRecoveryCode(by, id, firstHash)).toBeUndefined();
    expect(await secondFactors.takeRecoveryCode(by, id, secondHash)).toBe(0);
    expect(await secondFactors.replaceRecoveryCodes(by, other, [secondHash])).toBe(false);
  });
});

describe("an enrolment", () => {
  const confirmation = { secret: "v1.a.secret", step: 7, recoveryCodes: hashes };

  it("an enrolment, its confirmation and its removal are recorded with their actor and without secrets", async () => {
    const id = await enrolled();
    expect(await secondFactors.disable(by, id)).toBe(true);
    expect(await secondFactors.disable(by, id)).toBe(false);
    const [[, begun] = [], [, confirmed] = [], [actor, removed] = []] = await trailOf(id);
    expect(begun).toEqual({ two_factor_pending_secret: [null, "[secret]"] });
    const changed = {
      two_factor_enabled: [false, true],
      two_factor_secret: [null, "[secret]"],
      recovery_codes: [null, "[secret]"],
    };
    expect(confirmed).toEqual({ ...changed, two_factor_pending_secret: ["[secret]", null] });
    const reversed = Object.entries(changed).map(([column, values]) => [column, values.toReversed()]);
    expect([actor, removed]).toEqual(["service:test", Object.fromEntries(reversed)]);
    expect(await secondFactors.countRecoveryCodes(id)).toBeUndefined();
  });

  it("100 confirmations at once of one enrolment make one second factor", async () => {
    const { id } = await account(database.sql);
    await secondFactors.beginEnrolment(by, id, "v1.a.pending");
    const confirm = () => secondFactors.confirmEnrolment(by, id, { ...confirmation, pendingSecret: "v1.a.pending" });
    expect((await hundred(confirm)).filter(Boolean)).toHaveLength(1);
  });

  it("an enrolment that another one replaced is not confirmed", async () => {
    const { id } = await account(database.sql);
    await secondFactors.beginEnrolment(by, id, "v1.a.first");
    await secondFactors.beginEnrolment(by, id, "v1.a.second");
    const confirm = (pendingSecret: string) =>
      secondFactors.confirmEnrolment(by, id, { ...confirmation, pendingSecret });
    expect([await confirm("v1.a.first"), await confirm("v1.a.second")]).toEqual([false, true]);
  });

  it("an enrolment expires after 10 minutes, and its secret is then removed", async () => {
    const [{ id }, { id: other }] = [await account(database.sql), await account(database.sql)];
    for (const one of [id, other]) await secondFactors.beginEnrolment(by, one, "v1.a.pending");
    const age = (seconds: number) => database.sql`
      update user_security set two_factor_pending_since = now() - ${seconds} * interval '1 second' where user_id = ${id}`;
    await age(590);
    expect(await secondFactors.findPendingSecret(id)).toBe("v1.a.pending");
    await age(601);
    expect(await secondFactors.findPendingSecret(id)).toBeUndefined();
    const confirmed = await secondFactors.confirmEnrolment(by, id, { ...confirmation, pendingSecret: "v1.a.pending" });
    expect(confirmed).toBe(false);
    expect(await secondFactors.endExpiredEnrolments(by)).toBe(1);
    const left = await database.sql`select user_id from user_security where two_factor_pending_secret is not null`;
    expect(left.map((row) => row["user_id"])).toEqual([other]);
  });

  it("beginning an enrolment of an unknown account reports that there is none", async () => {
    expect(await secondFactors.beginEnrolment(by, "00000000-0000-7000-8000-000000000000", "v1.a.pending")).toBe(false);
  });
});

it.each([
  ["a secret in the clear", "two_factor_secret = 'GEZDGNBV'", "secret_format"],
  [
    "a pending secret in the clear",
    "two_factor_pending_secret = 'G', two_factor_pending_since = now()",
    "pending_format",
  ],
  ["a pending secret without its time", "two_factor_pending_secret = 'v1.a.b'", "pending"],
  ["a time step without a secret", "two_factor_last_step = 1", "last_step"],
  ["recovery codes without a secret", "recovery_codes = '{}'", "recovery_codes"],
  ["a recovery code in the clear", "two_factor_secret = 'v1.a.b', recovery_codes = '{0123-4567}'", "recovery_codes"],
  ["a recovery code that is null", "two_factor_secret = 'v1.a.b', recovery_codes = '{null}'", "recovery_codes"],
])("user_security refuses %s from any client", async (_, change, constraint) => {
  const { id } = await account(database.sql);
  await expect(database.sql.unsafe(`update user_security set ${change} where user_id = '${id}'`)).rejects.toMatchObject(
    {
      code: "23514",
      constraint_name: `user_security_${constraint}_check`,
    },
  );
});
