// Compares look-ups over HTTP to their peers: servers that answer the same from the same server of PostgreSQL.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fillBetterAuth, getSessionCall } from "./better-auth-database.mjs";
import { draw, requireRows, startLoad, underLoad } from "./load.mjs";
import { callsFor, handWrittenPeer, lookups, preparedCalls, servicePeer } from "./lookup-calls.mjs";
import { fillLookups, rows } from "./lookup-database.mjs";
import { describe } from "./machine.mjs";
import { profileByPackage } from "./profile.mjs";
import { startPeer, startService } from "./service-process.mjs";
import { inTurn, onServer, report, save } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 4);

await onServer(async (server, folder) => {
  const { url, sessions } = await fillLookups(server, "lookups");
  const ofBetterAuth = await fillBetterAuth(server, rows);
  const [byHand, trpc, betterAuth, service] = await Promise.all([
    startPeer("hand-written", url),
    startPeer("trpc-fastify", url),
    startPeer("better-auth", ofBetterAuth.url),
    startService(url),
  ]);
  const load = startLoad();
  const details = await describe(server, ["by hand", "tRPC's Fastify adapter", "Better Auth", "aeturnis-data"]);
  const check = lookups["sessions.check"];
  const peersOf = {
    "sessions.check": [
      handWrittenPeer(byHand, "sessions.check", sessions),
      {
        name: "tRPC's Fastify adapter",
        url: trpc.url,
        pid: trpc.pid,
        calls: callsFor(sessions, check.ofService, check.holds),
      },
      {
        name: "Better Auth",
        url: betterAuth.url,
        pid: betterAuth.pid,
        calls: () => draw(ofBetterAuth.sessions, preparedCalls).map(getSessionCall),
      },
    ],
    "users.byId": [handWrittenPeer(byHand, "users.byId", sessions)],
    "users.me": [handWrittenPeer(byHand, "users.me", sessions)],
  };
  for (const [lookup, connections] of [
    ["sessions.check", 32],
    ["sessions.check", 128],
    ["users.byId", 32],
    ["users.me", 32],
  ]) {
    const compared = [...peersOf[lookup], await servicePeer(service, lookup, sessions)];
    for (const peer of compared) await requireRows(peer);
    const peers = compared.map((peer) => underLoad(peer, { load, connections, seconds }));
    const measured = await inTurn(peers, { rounds, unit: "requests/s" });
    const title = `${lookup} over HTTP, ${rows} users and sessions, ${connections} connections`;
    report(`${lookup}-${connections}`, title, { peers, measured, unit: "requests/s", rounds, ...details });
  }
  for (const { stop } of [byHand, trpc, betterAuth, service]) await stop();

  for (const lookup of ["sessions.check", "users.byId"]) {
    const profile = await profiled(lookup, { url, sessions, load, folder: join(folder, lookup) });
    console.log(`where the service's time goes in ${lookup} (share of its processor time)\n`);
    console.table(profile);
    save(`${lookup}-profile`, { profile });
  }
  load.stop();
});

/** Repeats the load on a service that runs with V8's CPU profiler. */
async function profiled(lookup, { url, sessions, load, folder }) {
  const name = "service.cpuprofile";
  const service = await startService(url, {
    args: ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}`],
  });
  await load.run(await servicePeer(service, lookup, sessions), { connections: 32, seconds });
  await service.stop();
  return profileByPackage(JSON.parse(readFileSync(join(folder, name), "utf8")));
}
