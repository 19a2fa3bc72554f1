import type { Sql } from "postgres";
import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import { deviceLimit, sessionLimit } from "./account-model.ts";

/** The state of an account in the database, as far as the model has it. */
export async function stateOf(sql: Sql, userId: string): Promise<AccountState> {
  const [row] = await sql`
    select login_attempts as attempts, attempts_total::int as total, coalesce(locked_until > now(), false) as locked,
      failing_since is not null as failing, code_attempts, code_attempts_total::int as code_total,
      coalesce(code_locked_until > now(), false) as code_locked, two_factor_enabled as factor,
      coalesce(cardinality(recovery_codes), 0) as recovery_codes,
      coalesce((select sum(count) from rate_limits where bucket = 'recovery hour ' || user_id and expires_at > now()), 0)::int as recoveries,
      array(select id from user_sessions where user_id = security.user_id and revoked_at is null and expires_at > now()
        and idle_expires_at > now() order by id) as live,
      coalesce((select jsonb_object_agg(id, jsonb_build_array(attempts, attempts_total, coalesce(locked_until > now(), false),
        failing_since is not null)) from user_devices where user_id = security.user_id), '{}') as devices
    from user_security as security where user_id = ${userId}`;
  return row as unknown as AccountState;
}

export type AccountState = ReturnType<typeof expectedOf>;

function expectedOf(model: AccountModel) {
  const { strangers, codes, factor, recovery, now } = model;
  const isLocked = ({ lockedUntil = 0 }: { lockedUntil: number | undefined }) => lockedUntil > now;
  return {
    attempts: strangers.attempts,
    total: strangers.total,
    locked: isLocked(strangers),
    failing: strangers.isFailing,
    code_attempts: codes.attempts,
    code_total: codes.total,
    code_locked: isLocked(codes),
    factor: factor !== undefined,
    recovery_codes: factor?.recoveryCodes.length ?? 0,
    recoveries: recovery.hour.ends > now ? recovery.hour.count : 0,
    live: model.sessions
      .filter((session) => model.isLive(session))
      .map(({ id }) => id)
      .sort(),
    devices: Object.fromEntries(
      model.devices.map(({ id, bucket }) => [
        id,
        [bucket.attempts, bucket.total, isLocked(bucket), bucket.isFailing] as const,
      ]),
    ),
  };
}

/** The counters, sessions and devices of the database are those of the model, and within their limits. */
export async function compareState(sql: Sql, model: AccountModel): Promise<void> {
  const state = await stateOf(sql, model.account.id);
  expect(state).toEqual(expectedOf(model));
  expect(state.live.length).toBeLessThanOrEqual(sessionLimit);
  expect(Object.keys(state.devices).length).toBeLessThanOrEqual(deviceLimit);
}
