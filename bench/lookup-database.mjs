// A database with users and sessions, on which look-ups are measured.
import { fillSessions, fillUsers, migrated } from "./support.mjs";

/** Users, each with a session. */
export const rows = Number(process.env.BENCH_ROWS ?? 100_000);

/** Creates a database with that many users and sessions. Returns its URL, and 20,000 of the sessions in random order. */
export async function fillLookups(server, name, count = rows) {
  const { sql, url, close } = await migrated(server, name);
  await fillUsers(sql, count);
  await fillSessions(sql);
  const sessions = await sql`
    select user_id as "userId", id as "sessionId" from user_sessions order by random() limit 20000`;
  await close();
  return { url, sessions: [...sessions] };
}
