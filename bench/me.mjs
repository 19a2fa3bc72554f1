// Compares users.me by a user's access token to another built checkout of the service: the folder BENCH_BEFORE. Each service
// has a database with its own migrations on one server. Without BENCH_BEFORE only this version is measured.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import autocannon from "autocannon";
import postgres from "postgres";
import { benchSecret, startService } from "./service-process.mjs";
import { fillUsers, inTurn, onServer, report } from "./support.mjs";

const users = 50_000;
const callers = 1_000;
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 2);
const { BENCH_BEFORE: before } = process.env;

await onServer(async (server) => {
  const started = [];
  const peers = [];
  const checkouts = [{ name: "users.me", database: "after", folder: process.cwd() }];
  if (before) checkouts.unshift({ name: "users.me of BENCH_BEFORE", database: "before", folder: resolve(before) });
  for (const { name, database, folder } of checkouts) {
    const { url, tokens } = await filled(server, { database, folder });
    const service = await startService(url, { folder });
    started.push(service);
    peers.push({ name, measure: () => requestsPerSecond(service, tokens) });
  }
  const measured = await inTurn(peers, { rounds, unit: "requests/s" });
  report("me", `users.me over HTTP, ${users} users, ${connections} connections`, {
    peers,
    measured,
    unit: "requests/s",
    rounds,
  });
  for (const { stop } of started) await stop();
});

/** Creates the database of a checkout by its own migrations. Returns its URL, and access tokens of some users. */
async function filled(server, { database, folder }) {
  const part = (path) => import(pathToFileURL(join(folder, "dist", path, "index.js")).href);
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  await admin`create database ${admin(database)}`;
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const { up } = await part("migrator");
  const { error } = await up({ target: { url: url.href } });
  if (error !== undefined) throw error;

  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  await fillUsers(sql, users);
  const ids = (await sql`select id from users order by random() limit ${callers}`).map(({ id }) => id);
  const { createAccessTokens, createTokens } = await part("identity");
  const sessions =
    createAccessTokens &&
    (await sql`
      insert into user_sessions (user_id, refresh_token_id, expires_at, factors)
      select unnest(${ids}::uuid[]), gen_random_uuid(), now() + interval '1 day', '{operator}'
      returning id, user_id as "userId"`);
  await sql.end();
  // Before sessions were bound to tokens, a token named the account alone.
  const tokens = sessions
    ? sessions.map(({ id, userId }) => createAccessTokens([benchSecret]).signUser({ userId, sessionId: id }, 3_600))
    : ids.map((id) => createTokens(benchSecret).signUser(id, "1h"));
  return { url: url.href, tokens: await Promise.all(tokens) };
}

/** Makes one run and verifies that every answer is an account. */
async function requestsPerSecond({ url }, tokens) {
  let next = 0;
  const setupRequest = (request) => ({
    ...request,
    headers: { authorization: `Bearer ${tokens[next++ % tokens.length]}` },
  });
  const result = await autocannon({
    url: `${url}/trpc/users.me`,
    connections,
    duration: seconds,
    requests: [{ method: "GET", setupRequest }],
    verifyBody: (body) => body.includes('"email"'),
  });
  const bad = result.non2xx + result.errors + result.mismatches;
  if (bad > 0) throw new Error(`${bad} bad answers`);
  return result.requests.average;
}
