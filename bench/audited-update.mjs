// Compares users.update over HTTP, with its row in the audit trail, to the same service on a database without the
// trail's triggers. A second comparison calls the repository directly, without HTTP.
import autocannon from "autocannon";
import { loadConfig } from "../dist/config/index.js";
import { createAccessTokens } from "../dist/identity/index.js";
import { createLog } from "../dist/observability/index.js";
import { createService } from "../dist/server/index.js";
import { callsPerSecond, fillUsers, inTurn, migrated, onServer, report } from "./support.mjs";

const users = 50_000;
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const secret = "a secret that signs nothing but this benchmark's token";
const by = { name: "service:bench", ipAddress: "127.0.0.1", userAgent: "bench", requestId: "0123456789" };

await onServer(async (server) => {
  const databases = [await migrated(server, "plain"), await migrated(server, "audited")];
  const [plain, audited] = databases;
  for (const { sql } of databases) await fillUsers(sql, users);
  await plain.sql`alter table users disable trigger record_update`;

  const served = [];
  const below = [];
  const services = [];
  for (const [name, { sql, url, repositories }] of [
    ["update", plain],
    ["audited update", audited],
  ]) {
    const ids = (await sql`select id from users order by random() limit 20000`).map(({ id }) => id);
    const [admin] = await sql`update users set role = 'admin' where id = ${ids[0]} returning id`;
    const [session] = await sql`
      insert into user_sessions (user_id, refresh_token_id, expires_at, factors)
      values (${admin.id}, gen_random_uuid(), now() + interval '1 day', '{operator}') returning id`;
    const ofSession = { userId: admin.id, sessionId: session.id };
    const token = await createAccessTokens([secret]).signUser(ofSession, 3_600);
    const config = loadConfig({ DATABASE_URL: url, PORT: "0", JWT_SECRET: secret, NODE_ENV: "test" });
    const service = await createService({ config, log: createLog({ level: "error" }) });
    services.push(service);
    let n = 0;
    const next = () => ({ id: ids[n++ % ids.length], metadata: { level: n } });
    served.push({ name, measure: () => requestsPerSecond(service.url, token, next) });
    const work = () => {
      const { id, ...change } = next();
      return repositories.users.update(by, id, change);
    };
    below.push({ name, measure: () => callsPerSecond(work, { callers: connections, seconds }) });
  }

  for (const [file, title, peers, unit] of [
    ["audited-update", `users.update over HTTP, ${users} users, ${connections} connections`, served, "requests/s"],
    ["audited-update-repository", `the same by the repository alone, ${connections} callers`, below, "updates/s"],
  ]) {
    const measured = await inTurn(peers, { rounds, unit });
    const [{ recorded }] = await audited.sql`select count(*)::int as recorded from audit_log where action = 'update'`;
    const [{ none }] = await plain.sql`select count(*)::int as none from audit_log where action = 'update'`;
    if (recorded < 100 || none > 1) throw new Error(`recorded ${recorded} and ${none} updates`);
    report(file, title, { peers, measured, unit, rounds });
  }
  for (const { close } of [...services, ...databases]) await close();
});

/** Makes one run and verifies that every answer is an updated user. */
async function requestsPerSecond(url, token, next) {
  const result = await autocannon({
    url: `${url}/users.update`,
    connections,
    duration: seconds,
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    requests: [{ setupRequest: (request) => ({ ...request, body: JSON.stringify({ json: next() }) }) }],
  });
  if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx} bad answers, ${result.errors} errors`);
  return result.requests.average;
}
