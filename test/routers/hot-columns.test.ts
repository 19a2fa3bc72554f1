import { expect, it } from "vitest";
import type { Outputs } from "../../src/routers/app-router.ts";
import { createPlayer, password } from "../support/players.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, signedInOf, useService } from "../support/service.ts";

const service = useService();
const wrong = "not the right password at all";

/** The rows of the trail about an account while `work` ran: table, action, and the columns that an update changed. */
async function rowsDuring(id: string, work: () => Promise<unknown>) {
  const { sql } = service.database;
  const [before] = await sql`select clock_timestamp()::text as time`;
  await work();
  const rows = await sql`
    select concat_ws(' ', resource_type, action,
      case action when 'update' then array(select jsonb_object_keys(changes) order by 1)::text end) as row
    from audit_log where subject_id = ${id} and created_at > ${before?.["time"]}::text::timestamptz order by xid, sequence`;
  return rows.map(({ row }) => row as string);
}

it("a day of a player leaves rows for its decisions, and none for its traffic", async () => {
  const { id, username } = await createPlayer(service.database.sql);
  const anonymous = clientOf(service.url);
  const signIn = (given: { password: string; deviceToken?: string }) =>
    anonymous.auth.signIn.mutate({ login: username, ...given });
  // The first sign-in replaces the hash of the test and makes the device known.
  const { deviceToken } = signedInOf(await signIn({ password }));

  const rows = await rowsDuring(id, async () => {
    for (let failure = 0; failure < 2; failure++)
      expect(await refusal(signIn({ password: wrong }))).toMatchObject({ code: "UNAUTHORIZED" });
    let tokens: Outputs["auth"]["refresh"] = signedInOf(await signIn({ password, deviceToken }));
    for (let rotation = 0; rotation < 96; rotation++)
      tokens = await anonymous.auth.refresh.mutate({ refreshToken: tokens.refreshToken ?? undefined });
    await clientOf(service.url, tokens.accessToken).users.me.query();
    await clientOf(service.url, tokens.accessToken).auth.signOut.mutate({ scope: "this" });
  });
  expect(rows).toEqual([
    "user_security update {failing_since}",
    "user_sessions insert",
    "user_sessions update {revocation_reason,revoked_at}",
  ]);
});

it("failures are recorded when they begin, and once for each lock", async () => {
  const { sql } = service.database;
  const { id } = await createPlayer(sql);
  const by = JSON.stringify({ actor: "service:test" });
  const rows = await rowsDuring(id, async () => {
    for (let failure = 0; failure < 30; failure++) {
      await sql`select take_attempt(${by}, ${id}, null, null, null)`;
      await sql`select fail_attempt(${by}, ${id}, null)`;
      // The time of the lock passes, which no trigger sees.
      await sql.begin(async (sql) => {
        await sql`set local session_replication_role = replica`;
        await sql`update user_security set locked_until = now() where user_id = ${id} and locked_until > now()`;
      });
    }
  });
  const free = 4;
  expect(rows).toEqual([
    "user_security update {failing_since}",
    ...Array(30 - free).fill("user_security update {locked_until}"),
  ]);
});
