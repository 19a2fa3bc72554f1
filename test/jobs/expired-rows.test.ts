import { expect, it, onTestFinished } from "vitest";
import { expiredRows } from "../../src/jobs/expired-rows.ts";
import { startScheduler } from "../../src/jobs/scheduler.ts";
import { createDatabase, openPool, quiet } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { account } from "../support/service.ts";

it("expired sessions, devices and counters are deleted in batches, and recorded with the job as the actor", async () => {
  const database = await createDatabase({ direct: true });
  const { sql } = database;
  const { id, sessionId } = await account(sql);
  await sql`
    insert into user_sessions (user_id, refresh_token_id, created_at, expires_at, revoked_at)
    select ${id}, gen_random_uuid(), now() - interval '60 days', now() + case n % 2 when 0 then interval '-1 day' else interval '1 day' end,
      case n % 4 when 1 then now() - interval '31 days' when 3 then now() - interval '29 days' end
    from generate_series(1, 2400) as n`;
  await sql`
    insert into user_devices (id, user_id, token_hash, last_used_at, expires_at)
    select gen_random_uuid(), ${id}, md5(n::text) || md5(n::text), now(), now() + n * interval '1 hour' from unnest(array[-2, -1, 1]) as n`;
  await sql`insert into rate_limits (bucket, count, expires_at) select n::text, 1, now() + n * interval '1 hour' from unnest(array[-2, 1]) as n`;
  const { db } = await openPool(database.url);
  const scheduler = startScheduler([{ ...expiredRows }], { db, log: quiet });
  onTestFinished(async () => {
    scheduler.stop();
    await database.drop();
  });
  await eventually(async () => {
    const [left] = await sql`
      select (select count(*)::int from user_sessions) as sessions, (select count(*)::int from user_devices) as devices,
        (select array_agg(bucket) from rate_limits) as counters`;
    expect(left).toEqual({ sessions: 601, devices: 1, counters: ["1"] });
  });
  expect(await sql`select 1 from user_sessions where id = ${sessionId}`).toHaveLength(1);
  const actors = await sql`select actor, count(*)::int as rows from audit_log where action = 'delete' group by actor`;
  expect(actors).toEqual([{ actor: "system:expired-rows", rows: 1802 }]);
});
