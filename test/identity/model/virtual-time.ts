import type { Sql } from "postgres";
import type { AccountModel } from "./account-model.ts";
import { failureMemory } from "./attempt-bucket.ts";

/** Lets time pass for an account: all its times move into the past, and the trail does not record that. */
export async function passTime(sql: Sql, model: AccountModel, seconds: number): Promise<void> {
  const { id } = model.account;
  const span = `${seconds} seconds`;
  const steps = Math.floor(seconds / 30);
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`
      update user_security set last_attempt_at = last_attempt_at - ${span}::interval, locked_until = locked_until - ${span}::interval,
        failing_since = failing_since - ${span}::interval, code_locked_until = code_locked_until - ${span}::interval,
        two_factor_pending_since = two_factor_pending_since - ${span}::interval, two_factor_last_step = two_factor_last_step - ${steps}::int
      where user_id = ${id}`;
    await tx`
      update user_sessions set created_at = created_at - ${span}::interval, expires_at = expires_at - ${span}::interval,
        idle_expires_at = idle_expires_at - ${span}::interval, last_active = last_active - ${span}::interval,
        authenticated_at = authenticated_at - ${span}::interval, rotated_at = rotated_at - ${span}::interval,
        replayed_at = replayed_at - ${span}::interval
      where user_id = ${id}`;
    await tx`
      update user_devices set last_used_at = last_used_at - ${span}::interval, expires_at = expires_at - ${span}::interval,
        last_attempt_at = last_attempt_at - ${span}::interval, failing_since = failing_since - ${span}::interval,
        locked_until = locked_until - ${span}::interval
      where user_id = ${id}`;
    await tx`update challenges set expires_at = expires_at - ${span}::interval where user_id = ${id}`;
    await tx`update rate_limits set expires_at = expires_at - ${span}::interval where bucket like ${`recovery % ${id}`}`;
  });
  model.passTime(seconds);
}

/** The times of the model at which something begins or ends. */
function* deadlines({ strangers, codes, devices, sessions, challenges, recovery, reuse }: AccountModel) {
  for (const bucket of [strangers, codes, ...devices.map((device) => device.bucket)])
    if (bucket.lockedUntil !== undefined) yield bucket.lockedUntil;
  yield strangers.lastAttempt + failureMemory;
  yield* [recovery.hour.ends, recovery.day.ends];
  yield* devices.map(({ expiresAt }) => expiresAt);
  yield* challenges.map(({ expiresAt }) => expiresAt);
  for (const { authenticatedAt, rotatedAt, expiresAt, idleExpiresAt } of sessions) {
    yield* [authenticatedAt + 600, expiresAt, idleExpiresAt];
    if (rotatedAt !== undefined) yield* [rotatedAt + 60, rotatedAt + (reuse ?? 60)];
  }
}

/**
 * Lets time pass until no deadline is near: the clocks of the model and the database differ by the duration of a call,
 * which must decide nothing.
 */
export async function leaveDeadlines(sql: Sql, model: AccountModel): Promise<void> {
  const isNear = (deadline: number) => deadline > model.now - 10 && deadline < model.now + 10;
  while ([...deadlines(model)].some(isNear)) await passTime(sql, model, 25);
}
