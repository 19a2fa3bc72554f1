// Compares look-ups in a database of many accounts to the same in one of BENCH_ROWS, with a service for each.
import { requireRows, startLoad } from "./load.mjs";
import { servicePeer } from "./lookup-calls.mjs";
import { fillLookups, rows } from "./lookup-database.mjs";
import { startService } from "./service-process.mjs";
import { inTurn, onServer, report } from "./support.mjs";

const many = Number(process.env.BENCH_LARGE ?? 5_000_000);
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 4);

await onServer(async (server) => {
  const databases = [];
  for (const [name, count] of Object.entries({ small: rows, large: many })) {
    const started = performance.now();
    const { url, sessions } = await fillLookups(server, name, count);
    console.error(`${count} users and sessions: ${Math.round((performance.now() - started) / 1_000)} s`);
    databases.push({ count, sessions, service: await startService(url) });
  }
  const load = startLoad();
  for (const lookup of ["sessions.check", "users.byId"]) {
    const peers = [];
    for (const { count, sessions, service } of databases) {
      const peer = await servicePeer(service, lookup, sessions);
      await requireRows(peer);
      const timePerRequest = async () => {
        const { perSecond } = await load.run(peer, { connections, seconds });
        return (connections / perSecond) * 1_000;
      };
      peers.push({ name: `${lookup}, ${count} users and sessions`, measure: timePerRequest });
    }
    const measured = await inTurn(peers, { rounds, unit: "ms" });
    const title = `time per request of ${lookup} over HTTP, ${connections} connections`;
    report(`${lookup}-large`, title, { peers, measured, unit: "ms", rounds });
  }
  load.stop();
  for (const { service } of databases) await service.stop();
});
