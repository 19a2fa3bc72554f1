// Compares users.byId over HTTP to the same query on a hand-written server: interleaved rounds, medians, their ratio,
// and a profile of the difference.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import autocannon from "autocannon";
import postgres from "postgres";
import { createAccessTokens } from "../dist/identity/index.js";
import { up } from "../dist/migrator/index.js";
import { profileByPackage } from "./profile.mjs";
import { benchSecret, freePort, startProcess, startService } from "./service-process.mjs";
import { median, onServer } from "./support.mjs";

const users = 100_000;
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 4);

await onServer(async (server, folder) => {
  const ids = await fill(server.url);
  const token = await createAccessTokens([benchSecret]).signService("bench", 3_600);
  const peers = [
    {
      name: "node:http + postgres.js, by hand",
      start: async () => {
        const port = await freePort();
        const env = { ...process.env, NODE_ENV: "production", DATABASE_URL: server.url, PORT: String(port) };
        return startProcess(["bench/baseline.mjs"], { env, port });
      },
      path: (id) => `/?id=${id}`,
      headers: {},
    },
    {
      name: "aeturnis-data",
      start: (args) => startService(server.url, { args }),
      path: (id) => `/trpc/users.byId?input=${encodeURIComponent(JSON.stringify({ json: { id } }))}`,
      headers: { authorization: `Bearer ${token}` },
    },
  ];

  const measured = peers.map(() => []);
  const servers = [];
  for (const peer of peers) servers.push(await peer.start());
  for (const [index, peer] of peers.entries()) await load(peer, servers[index].url, ids, 2);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, peer] of peers.entries())
      measured[index].push(await load(peer, servers[index].url, ids, seconds));
    console.error(
      `round ${round} of ${rounds}: ${measured.map((runs) => Math.round(runs.at(-1).requests)).join(" · ")} requests/s`,
    );
  }
  for (const { stop } of servers) await stop();

  const profile = await profiled(peers[1], { ids, folder });
  report(peers, measured, profile);
});

/** Inserts the users. Returns 20,000 of their ids, in random order. */
async function fill(url) {
  const { error } = await up({ target: { url } });
  if (error !== undefined) throw error;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`
    insert into users (email, username, password_hash, metadata)
    select 'player' || n || '@example.com', 'player' || n, '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo', '{"level": 12}'
    from generate_series(1, ${users}) n`;
  await sql`vacuum analyze users`;
  const rows = await sql`select id from users order by random() limit 20000`;
  await sql.end();
  return rows.map(({ id }) => id);
}

/** Makes one run: requests the users one after another and verifies that every answer is a user. */
async function load(peer, url, ids, duration) {
  let next = Math.floor(Math.random() * ids.length);
  const result = await autocannon({
    url,
    connections,
    duration,
    requests: [
      {
        method: "GET",
        headers: peer.headers,
        setupRequest: (request) => ({ ...request, path: peer.path(ids[next++ % ids.length]) }),
      },
    ],
  });
  if (result.non2xx + result.errors > 0)
    throw new Error(`${peer.name}: ${result.non2xx} bad answers, ${result.errors} errors`);
  return { requests: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

/** Repeats the load on a server that runs with V8's CPU profiler. */
async function profiled(peer, { ids, folder }) {
  const target = join(folder, "profile");
  const server = await peer.start(["--cpu-prof", `--cpu-prof-dir=${target}`, "--cpu-prof-name=service.cpuprofile"]);
  await load(peer, server.url, ids, seconds);
  await server.stop();
  return profileByPackage(JSON.parse(readFileSync(join(target, "service.cpuprofile"), "utf8")));
}

function report(peers, measured, profile) {
  const rows = peers.map(({ name }, index) => ({
    name,
    "requests/s": Math.round(median(measured[index].map(({ requests }) => requests))),
    "p50 (ms)": median(measured[index].map(({ p50 }) => p50)),
    "p99 (ms)": median(measured[index].map(({ p99 }) => p99)),
  }));
  const ratios = measured[1].map(({ requests }, round) => requests / measured[0][round].requests);
  const ratio = Math.round(median(ratios) * 100) / 100;
  console.log(`\nusers.byId, ${users} users, ${connections} connections, ${rounds} rounds of ${seconds} s, medians\n`);
  console.table(rows);
  console.log(`ratio, round by round: ${ratio} (${ratios.map((value) => value.toFixed(2)).join(", ")})\n`);
  console.log("where the service's time goes (share of its processor time)\n");
  console.table(profile);
  const file = new URL("results/by-id.json", import.meta.url);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ users, connections, rounds, seconds, node: process.version, rows, ratio, ratios, profile }, null, 2)}\n`,
  );
  console.log(`written to ${file.pathname}`);
}
