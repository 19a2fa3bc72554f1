// Compares users.update over HTTP, with its row in the audit trail, to the same statement on a server written by hand, and to
// the service on a database without the trail's triggers. A second comparison calls the repository directly, without HTTP.
import { draw, requireRows, startLoad, underLoad } from "./load.mjs";
import { userHeaders } from "./lookup-calls.mjs";
import { describe } from "./machine.mjs";
import { startPeer, startService } from "./service-process.mjs";
import { callsPerSecond, fillUsers, inTurn, migrated, onServer, report } from "./support.mjs";

const users = 50_000;
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const by = { name: "service:bench", ipAddress: "127.0.0.1", userAgent: "bench", requestId: "0123456789" };

/** The request id that the server written by hand records. */
const byHandId = "00000000-0000-4000-8000-000000000000";

/** A value that no account has yet: a change to the same value is not recorded. */
let level = 100;

await onServer(async (server) => {
  const databases = [await migrated(server, "plain"), await migrated(server, "audited")];
  const [plain, audited] = databases;
  for (const { sql } of databases) await fillUsers(sql, users);
  await plain.sql`alter table users disable trigger record_update`;

  const load = startLoad();
  const details = await describe(server, ["by hand", "aeturnis-data"]);
  const ids = [await drawIds(plain.sql), await drawIds(audited.sql)];
  const admins = [await createAdmin(plain.sql, ids[0][0]), await createAdmin(audited.sql, ids[1][0])];
  // The row of the audit trail is the same as that of the service, whose foreign key is checked, too.
  const { userId } = admins[1];
  const author = { actor: `user:${userId}`, userId, ipAddress: "127.0.0.1", requestId: byHandId };
  const byHand = await startPeer("hand-written", audited.url, { AUDIT_CONTEXT: JSON.stringify(author) });
  const servers = [byHand];
  const served = [
    {
      name: "by hand",
      url: byHand.url,
      pid: byHand.pid,
      calls: () => updateCalls(ids[1], { path: "/update", bodyOf: (change) => change }),
    },
  ];
  const below = [];
  for (const [index, name] of ["update", "audited update"].entries()) {
    const { url, repositories } = databases[index];
    // Without the triggers the service is live, but not ready.
    const service = await startService(url, { probe: "/livez" });
    servers.push(service);
    served.push({
      name: `aeturnis-data: ${name}`,
      url: service.url,
      pid: service.pid,
      headers: await userHeaders(admins[index]),
      calls: () => updateCalls(ids[index], { path: "/trpc/users.update", bodyOf: (json) => ({ json }) }),
    });
    const work = () => repositories.users.update(by, draw(ids[index], 1)[0], { metadata: { level: level++ } });
    below.push({ name, measure: () => callsPerSecond(work, { callers: connections, seconds }) });
  }
  for (const peer of served) await requireRows(peer);

  for (const [file, title, peers, unit] of [
    [
      "audited-update",
      `users.update over HTTP, ${users} users, ${connections} connections`,
      served.map((peer) => underLoad(peer, { load, connections, seconds })),
      "requests/s",
    ],
    ["audited-update-repository", `the same by the repository alone, ${connections} callers`, below, "updates/s"],
  ]) {
    const measured = await inTurn(peers, { rounds, unit });
    await requireRecords(plain, audited);
    report(file, title, { peers, measured, unit, rounds, ...details });
  }
  load.stop();
  for (const { stop } of servers) await stop();
  for (const { close } of databases) await close();
});

/** Verifies that the updates of each caller of the audited database are recorded, and none of the plain one. */
async function requireRecords(plain, audited) {
  const count = (sql) => sql`
    select actor, request_id = ${byHandId} as "byHand", count(*)::int as rows from audit_log
    where action = 'update' and actor not like 'db:%' group by 1, 2`;
  const [none, recorded] = [await count(plain.sql), await count(audited.sql)];
  if (none.length > 0 || recorded.length < 2 || recorded.some(({ rows }) => rows < 100))
    throw new Error(`recorded ${JSON.stringify({ plain: none, audited: recorded })}`);
}

async function drawIds(sql) {
  const drawn = await sql`select id from users order by random() limit 20000`;
  return drawn.map(({ id }) => id);
}

/** Makes the account an administrator. Returns a session of it. */
async function createAdmin(sql, id) {
  await sql`update users set role = 'admin' where id = ${id}`;
  const [session] = await sql`
    insert into user_sessions (user_id, refresh_token_id, expires_at, factors)
    values (${id}, gen_random_uuid(), now() + interval '1 day', '{operator}') returning id`;
  return { userId: id, sessionId: session.id };
}

/** A call for each account, so that no account is changed to the same value again in a run. */
function updateCalls(ids, { path, bodyOf }) {
  return draw(ids, ids.length).map((id) => {
    const metadata = { level: level++ };
    return {
      request: {
        method: "POST",
        path,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(bodyOf({ id, metadata })),
      },
      holds: [id, `"level":${metadata.level}`],
    };
  });
}
