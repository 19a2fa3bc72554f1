import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { advisoryLocks } from "../../src/database/advisory-locks.ts";
import { DomainError } from "../../src/errors.ts";
import { expiredRows } from "../../src/jobs/expired-rows.ts";
import { authorize, authorizeOwner } from "../../src/routers/authorization.ts";
import type { Context } from "../../src/routers/context.ts";
import { procedures } from "../../src/routers/procedures.ts";
import { openPool, repositoriesOn } from "../support/database.ts";
import { account, clientOf, useService } from "../support/service.ts";

const service = useService();
let caller: Awaited<ReturnType<typeof account>>;
let other: Awaited<ReturnType<typeof account>>;
beforeAll(async () => {
  caller = await account(service.database.sql);
  other = await account(service.database.sql);
  // The job deletes ended sessions, also those of a situation: it does not run while another is its leader.
  const leader = await service.database.sql.reserve();
  await leader`select pg_advisory_lock(hashtextextended(${advisoryLocks.job(expiredRows.name)}, 0))`;
  return () => {
    leader.release();
  };
});

/** Everything that the access of a caller depends on. */
const situation = fc.record({
  role: fc.constantFrom("user", "moderator", "admin"),
  status: fc.constantFrom("active", "active", "active", "suspended", "banned"),
  deleted: fc.constantFrom(false, false, false, true),
  session: fc.constantFrom("live", "live", "live", "revoked", "expired", "idle", "another's"),
  factors: fc.constantFrom(["password"], ["password", "totp"], ["operator"]),
  authenticated: fc.constantFrom("now", "an hour ago"),
  mustChangePassword: fc.constantFrom(false, false, true),
  twoFactorEnabled: fc.boolean(),
  target: fc.constantFrom("own", "other", "deleted", "missing"),
  field: fc.constantFrom("metadata", "username"),
});
type Situation = typeof situation extends fc.Arbitrary<infer Value> ? Value : never;

/** Brings the accounts into a situation without the triggers that would change the session too. */
async function arrange(given: Situation): Promise<void> {
  const { id, sessionId } = caller;
  const { session } = given;
  await service.database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update users set role = ${given.role}, status = ${given.status}, username = ${caller.username},
      deleted_at = case when ${given.deleted} then now() end where id = ${id}`;
    await tx`update users set username = ${other.username}, deleted_at = case when ${given.target === "deleted"} then now() end
      where id = ${other.id}`;
    await tx`update user_security set must_change_password = ${given.mustChangePassword},
      two_factor_enabled = ${given.twoFactorEnabled},
      two_factor_secret = case when ${given.twoFactorEnabled} then 'v1.test.secret' end where user_id = ${id}`;
    await tx`update user_sessions set user_id = ${session === "another's" ? other.id : id}, factors = ${given.factors},
      created_at = now() - interval '2 days',
      authenticated_at = now() - case when ${given.authenticated === "now"} then interval '0' else interval '1 hour' end,
      revoked_at = case when ${session === "revoked"} then now() end,
      expires_at = now() + case when ${session === "expired"} then interval '-1 hour' else interval '1 hour' end,
      idle_expires_at = now() + case when ${session === "idle"} then interval '-1 hour' else interval '1 hour' end
      where id = ${sessionId}`;
  });
}

const targetOf = ({ target }: Situation): string =>
  target === "own" ? caller.id : target === "missing" ? "00000000-0000-4000-8000-000000000000" : other.id;

it("an update by statement admits the callers that look-ups admit, and refuses the others for the same reason", async () => {
  const { db } = await openPool(service.database.url);
  const services = { ...repositoriesOn(db) } as unknown as Context["services"];
  const access = procedures.get("users.update")?.access ?? expect.fail("there is no users.update");
  const ctx = { caller: { kind: "user", id: caller.id, sessionId: caller.sessionId }, services } as Context;
  const client = clientOf(service.url, caller.token);
  const outcomes = new Set<string>();

  await fc.assert(
    fc.asyncProperty(situation, async (given) => {
      await arrange(given);
      const input = { id: targetOf(given), [given.field]: given.field === "metadata" ? { a: 1 } : caller.username };
      const expected = await authorize(ctx, access)
        .then((authorized) => authorizeOwner(ctx, { caller: authorized, access, input }))
        .then(
          (ownerId) => (ownerId === other.id && given.field === "username" ? "This username is taken" : "admitted"),
          (error: unknown) => (error instanceof DomainError ? error.message : expect.fail(String(error))),
        );
      const actual = await client.users.update.mutate(input).then(
        () => "admitted",
        (error: Error) => error.message,
      );
      expect(actual).toContain(expected);
      outcomes.add(expected);
    }),
    { numRuns: 250 },
  );
  expect(outcomes.size).toBeGreaterThan(7);
}, 60_000);
