// A database of Better Auth with users and sessions, and the cookies of the sessions.
import { createHmac } from "node:crypto";
import { getMigrations } from "better-auth/db/migration";
import { betterAuthOptions } from "./peers/better-auth-options.mjs";
import { benchSecret } from "./service-process.mjs";
import { createDatabase } from "./support.mjs";

/** Creates that many users, each with a session. Returns 20,000 of the sessions, in random order. */
export async function fillBetterAuth(server, rows) {
  const url = await createDatabase(server, "better_auth");
  const options = betterAuthOptions(url);
  const { database } = options;
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  await database.query(
    `insert into "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
    select md5('user' || n), 'player' || n, 'player' || n || '@example.com', true, now(), now()
    from generate_series(1, $1::int) n`,
    [rows],
  );
  await database.query(
    `insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent")
    select md5('session' || id), md5('token' || id), id, now() + interval '7 days', now(), now(), '', '' from "user"`,
  );
  await database.query("vacuum analyze");
  const sessions = await database.query('select token, "userId" from session order by random() limit 20000');
  await database.end();
  return { url, sessions: sessions.rows };
}

/** A request for the session of a cookie. */
export const getSessionCall = ({ token, userId }) => ({
  request: { path: "/api/auth/get-session", headers: { cookie: `better-auth.session_token=${signed(token)}` } },
  holds: [token, userId],
});

/** The value of a signed cookie, as better-call writes it: `signCookieValue` of its `crypto` module. */
const signed = (value) =>
  encodeURIComponent(`${value}.${createHmac("sha256", benchSecret).update(value).digest("base64")}`);
