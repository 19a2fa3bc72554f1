import { createHash, randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { isWaiting } from "../../src/audit/checkpoint-lock.ts";
import { readCheckpointsAfter, writeCheckpoint } from "../../src/audit/checkpoints.ts";
import { proveEntry } from "../../src/audit/prove.ts";
import { sequenceRows } from "../../src/audit/sequencer.ts";
import { createNoteSigner } from "../../src/audit/signed-note.ts";
import { verifyLog } from "../../src/audit/verification/verify-log.ts";
import { createAuditPartitions, prepareAuditPartitions, readAuditRunway } from "../../src/database/audit-partitions.ts";
import { findAuditProblems } from "../../src/database/audit-problems.ts";
import type { Database } from "../../src/database/pool.ts";
import { expiredRows } from "../../src/jobs/expired-rows.ts";
import type { Job } from "../../src/jobs/job.ts";
import { leafPartitionCreation } from "../../src/jobs/leaf-partition-creation.ts";
import { recorderRefresh } from "../../src/jobs/recorder-refresh.ts";
import { pendingMigrations } from "../../src/migrator/readiness.ts";
import type { AttemptTicket } from "../../src/repositories/attempts.ts";
import { readExport } from "../../src/repositories/user-export.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { quiet, repositoriesOn } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { account, passwordChangedAt } from "../support/service.ts";

/** Something that the service does, named as a message would name it. */
export type Steps = Readonly<Record<string, () => Promise<unknown>>>;

const signer = createNoteSigner("test.example/log");
const by = { name: "service:test" };
const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const secret = (text: string) => `v1.test.${text}`;
const times = { lifetime: 3_600, idleTimeout: 3_600 };

/** What the service does with each of its tables. Each step makes what it needs by `sql`, of the owner. */
export function stepsOf({ db }: Database, sql: Sql): Steps {
  const { users, security, failures, secondFactors, encryptedSecrets, ...others } = repositoriesOn(db);
  const { sessions, devices, attempts, challenges, credentials, audit } = others;
  const run = (job: Job) => db.transaction((tx) => job.run({ tx, log: quiet, runNext: () => {} }));

  const ticketOf = async (userId: string, more: { deviceId?: string; ipAddress?: string } = {}) => {
    const taken = await attempts.take(by, { userId, login: hash(userId), ...more });
    if (!("number" in taken)) throw new Error(`no ticket: ${taken.bucket}`);
    return taken;
  };
  const ticket = (userId: string): AttemptTicket => ({
    ...{ userId, bucket: "stranger", number: 1, failures: 0, failingSince: null, login: hash(userId) },
    ipAddress: "203.0.113.7",
  });
  const newDevice = async (userId: string, expiresAt = "now() + interval '1 day'"): Promise<string> => {
    const id = randomUUID();
    await sql`
      insert into user_devices (id, user_id, token_hash, last_used_at, expires_at)
      values (${id}, ${userId}, ${hash(id)}, now(), ${sql.unsafe(expiresAt)})`;
    return id;
  };
  const withFactor = async () => {
    const one = await account(sql);
    await sql`
      update user_security set two_factor_enabled = true, two_factor_secret = ${secret("old")}, recovery_codes = ${[hash("code")]}
      where user_id = ${one.id}`;
    return one;
  };
  const start = async (userId: string, more: Partial<Parameters<typeof sessions.start>[1]> = {}) => {
    const changed = await passwordChangedAt(sql, userId);
    const session = { userId, factors: ["password" as const], ...times, limit: 1, passwordChangedAt: changed, ...more };
    return sessions.start(by, session);
  };

  return {
    "an account is created": () => users.create(by, newUser()),
    "accounts are created in bulk": () => users.createMany(by, [newUser(), newUser()]),
    "accounts are changed in bulk": async () => {
      const { email, username } = newUser();
      const change = { email, username, emailVerified: true, status: "suspended" as const, metadata: { level: 1 } };
      return users.updateMany(by, [{ id: (await account(sql)).id, change }]);
    },
    "an account is changed": async () => users.update(by, (await account(sql)).id, { metadata: { level: 2 } }),
    "an account is changed in nothing": async () => users.update(by, (await account(sql)).id, {}),
    "a role is changed": async () => users.setRole(by, (await account(sql)).id, "moderator"),
    "an account is banned": async () => users.setStatus(by, (await account(sql)).id, "banned", { over: ["user"] }),
    "an account is deleted and restored": async () => {
      const { id } = await account(sql);
      await users.softDelete(by, id);
      await users.restore(by, id);
    },
    "an account is removed": async () => users.hardDelete(by, (await account(sql)).id),
    "accounts are listed": () => users.list({ limit: 2 }),
    "accounts are exported": () =>
      db.transaction(async (tx) => {
        for await (const _ of readExport(tx, { fields: ["id", "email"], withDeleted: true })) return;
      }),
    "a password is changed": async () => {
      const { id, username } = await account(sql);
      const found = await credentials.findByLogin(username, hash("none"));
      return credentials.changePassword(by, id, { from: String(found?.passwordHash), to: newUser().passwordHash });
    },
    "a session signs in from a new device": async () => {
      const { id } = await account(sql);
      return start(id, {
        ...{ device: { id: randomUUID(), tokenHash: hash(randomUUID()) }, ticket: await ticketOf(id) },
        ...{ ipAddress: "203.0.113.7", userAgent: "test" },
      });
    },
    "a session signs in from a known device": async () => {
      const { id } = await account(sql);
      const deviceId = await newDevice(id);
      await start(id, {
        device: { id: deviceId, tokenHash: hash(randomUUID()) },
        ticket: await ticketOf(id, { deviceId }),
      });
    },
    "an account signs in from its twenty-first device": async () => {
      const { id } = await account(sql);
      for (let n = 0; n < 20; n++) await newDevice(id);
      await start(id, { device: { id: randomUUID(), tokenHash: hash(randomUUID()) } });
    },
    "a refresh token is rotated": async () => {
      const { id, sessionId } = await account(sql);
      const [row] = await sql`select refresh_token_id from user_sessions where id = ${sessionId}`;
      const ids = { sessionId, userId: id, tokenId: String(row?.["refresh_token_id"]) };
      const { outcome } = await sessions.rotate(by, { ...ids, ofPlayers: times, ofStaff: times, reuse: undefined });
      if (outcome !== "rotated") throw new Error(outcome);
    },
    "sessions are listed, proved again and revoked": async () => {
      const { id, sessionId } = await account(sql);
      await sessions.list({ where: { userId: id } });
      await sessions.findForAdmission(id, sessionId);
      await sessions.authenticate(by, id, sessionId, ["password"]);
      await sessions.revoke(by, id, sessionId);
    },
    "a stranger's attempt fails": async () => attempts.fail(by, await ticketOf((await account(sql)).id)),
    "an attempt of an address is counted and forgiven": async () => {
      const { id } = await account(sql);
      const ipAddress = `203.0.113.${1 + Math.floor(Math.random() * 254)}`;
      await sql`delete from rate_limits`;
      await attempts.forgive(by, await ticketOf(id, { ipAddress }));
    },
    "an attempt from a device fails and is forgiven": async () => {
      const { id } = await account(sql);
      const deviceId = await newDevice(id);
      const first = await ticketOf(id, { deviceId });
      await attempts.fail(by, first);
      await attempts.forgive(by, first);
    },
    "a code is tried": async () => {
      const { id } = await withFactor();
      await attempts.forgiveCode(by, id, Number(await attempts.takeCode(by, id)));
      await attempts.countRecovery(id);
    },
    "a sign-in waits for its second factor": async () => {
      const { id } = await account(sql);
      const changed = String(await passwordChangedAt(sql, id));
      await challenges.create(hash(id), ticket(id), changed);
      await challenges.find(id, hash(id));
      await start(id, { challengeHash: hash(id), passwordChangedAt: undefined });
    },
    "a second factor is enrolled, used and removed": async () => {
      const { id } = await account(sql);
      await secondFactors.beginEnrolment(by, id, secret("pending"));
      const confirmed = {
        pendingSecret: secret("pending"),
        secret: secret("factor"),
        step: 1,
        recoveryCodes: [hash("a")],
      };
      await secondFactors.confirmEnrolment(by, id, confirmed);
      await secondFactors.takeStep(id, 2);
      await secondFactors.takeRecoveryCode(by, id, hash("a"));
      await secondFactors.disable(by, id);
    },
    "a secret is encrypted anew": async () => {
      const { id: userId } = await withFactor();
      await encryptedSecrets.replace(by, "factor", [{ userId, text: secret("old"), replacement: secret("new") }]);
    },
    "a device is listed, named and forgotten": async () => {
      const { id } = await account(sql);
      const device = await newDevice(id);
      await devices.list(id);
      await devices.rename(by, id, device, "mine");
      await devices.forget(by, id, device);
    },
    "an account is unlocked and has to change its password": async () => {
      const { id } = await account(sql);
      await security.unlock(by, id);
      await security.requirePasswordChange(by, id);
      await failures.list();
    },
    "an event is recorded": () =>
      audit.recordMany(by, [{ action: "level_up", changes: { level: [1, 2] }, userAgent: "test", resourceType: "x" }]),
    "a change is recorded with its actor": async () => {
      const { id } = await users.create(by, newUser());
      const [row] = await sql`select actor from audit_log where resource_type = 'users' and resource_id = ${id}`;
      // A role that may not write the actor of a row is not believed.
      if (row?.["actor"] !== by.name) throw Object.assign(new Error("another actor"), { code: "42501" });
    },
    "the trail is read": () => audit.list({ limit: 2 }),
    "the state of the trail is read": async () => {
      await audit.partitions();
      await findAuditProblems(db);
      await readAuditRunway(db);
    },
    "partitions are made": async () => {
      await db.transaction((tx) => prepareAuditPartitions(tx));
      await createAuditPartitions(db);
    },
    "rows of the trail get their order": async () => {
      await sequenceRows(db);
      await run(leafPartitionCreation);
    },
    "the log of the trail is signed": async () => {
      await sql`insert into audit_log (action) select 'x' from generate_series(1, 256)`;
      await sequenceAll(sql);
      // 256 rows complete a node.
      await db.transaction((tx) => writeCheckpoint(tx, { signers: [signer] }));
      await isWaiting(db, "audit.key_rotated");
      await readCheckpointsAfter(db, signer.verifier.name, 0);
    },
    "the trail is verified": async () => {
      await sql`insert into audit_log (action) values ('x')`;
      await sequenceAll(sql);
      await sql`insert into audit_log (action) values ('y')`;
      await verifyLog(db, { keys: [signer.verifier] });
    },
    "a row is proved": async () => {
      await sql`insert into audit_log (action, changes, user_agent) values ('x', '{}', 'y')`;
      await sequenceAll(sql);
      await db.transaction((tx) => writeCheckpoint(tx, { signers: [signer] }));
      await proveEntry(db, 0);
    },
    "recorders are refreshed": () => run(recorderRefresh),
    "expired rows are deleted": async () => {
      const { id } = await account(sql);
      await newDevice(id, "now() - interval '1 day'");
      await sql`
        insert into user_sessions (user_id, refresh_token_id, created_at, expires_at)
        values (${id}, gen_random_uuid(), now() - interval '2 days', now() - interval '1 day')`;
      await sql`
        update user_security set two_factor_pending_secret = ${secret("late")}, two_factor_pending_since = now() - interval '1 day'
        where user_id = ${id}`;
      await run(expiredRows);
    },
    "applied migrations are read": () => pendingMigrations(db),
  };
}
