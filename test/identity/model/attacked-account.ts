import { createHash, randomUUID } from "node:crypto";
import { hash as argon2 } from "@node-rs/argon2";
import type { Sql } from "postgres";
import { newUser } from "../../support/factories.ts";
import { AccountModel } from "./account-model.ts";
import { AttemptBucket } from "./attempt-bucket.ts";

/** Cheap: what a sign-in does does not depend on the cost of its hash. */
export const hashCost = { memoryKiB: 64, passes: 2 };

/** What has happened to an account before the commands. */
export interface Past {
  /** The services' REFRESH_REUSE_SECONDS. */
  readonly reuse: number | undefined;
  /** Failures of strangers, of the first device and of codes. With these, the highest limits are near. */
  readonly isAttacked: boolean;
  /** Devices that it has signed in from. */
  readonly devices: number;
  /** Whether the commands begin with the enrolment of a second factor. */
  readonly isEnrolled: boolean;
}

/** Creates an account with a past, and its model. */
export async function createAccount(sql: Sql, { reuse, isAttacked, devices }: Past): Promise<AccountModel> {
  const { email, username } = newUser();
  const password = "correct horse battery staple";
  const passwordHash = await argon2(password, { memoryCost: hashCost.memoryKiB, timeCost: hashCost.passes });
  const [row] = await sql`
    insert into users (email, username, password_hash) values (${email}, ${username}, ${passwordHash}) returning id`;
  const model = new AccountModel({ id: String(row?.["id"]), username, password }, reuse);
  for (let n = 0; n < devices; n++) await addDevice(sql, model, n);
  if (isAttacked) await attack(sql, model);
  return model;
}

async function addDevice(sql: Sql, model: AccountModel, daysUnused: number): Promise<void> {
  const [id, token] = [randomUUID(), randomUUID()];
  const tokenHash = createHash("sha256").update(token).digest("hex");
  await sql`
    insert into user_devices (id, user_id, token_hash, last_used_at, expires_at) values (${id}, ${model.account.id}, ${tokenHash},
      now() - ${daysUnused} * interval '1 day', now() + ${400 - daysUnused} * interval '1 day')`;
  const times = { lastUse: -daysUnused, expiresAt: (400 - daysUnused) * 86_400 };
  model.devices.push({ id, token, bucket: new AttemptBucket(`device ${id}`, 9), ...times });
}

async function attack(sql: Sql, { account: { id }, strangers, devices: [device] }: AccountModel): Promise<void> {
  await sql`
    update user_security set login_attempts = 97, attempts_total = 97, last_attempt_at = now(), failing_since = now()
    where user_id = ${id}`;
  Object.assign(strangers, { attempts: 97, total: 97, isFailing: true });
  if (device === undefined) return;
  await sql`
    update user_devices set attempts = 17, attempts_total = 17, failing_since = now()
    where user_id = ${id} and id = ${device.id}`;
  Object.assign(device.bucket, { attempts: 17, total: 17, isFailing: true });
}
