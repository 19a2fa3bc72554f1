// Compares the latency of look-ups for one caller alone to a server written by hand.
import { requireRows, startLoad } from "./load.mjs";
import { handWrittenPeer, lookups, servicePeer } from "./lookup-calls.mjs";
import { fillLookups, rows } from "./lookup-database.mjs";
import { describe } from "./machine.mjs";
import { startPeer, startService } from "./service-process.mjs";
import { inTurn, onServer, report } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 2);

await onServer(async (server) => {
  const { url, sessions } = await fillLookups(server, "latency");
  const [byHand, service] = await Promise.all([startPeer("hand-written", url), startService(url)]);
  const load = startLoad();
  const details = await describe(server, ["by hand", "aeturnis-data"]);
  for (const lookup of Object.keys(lookups)) {
    const compared = [handWrittenPeer(byHand, lookup, sessions), await servicePeer(service, lookup, sessions)];
    for (const peer of compared) await requireRows(peer);
    const peers = compared.map((peer) => ({
      name: peer.name,
      measure: async () => (await load.run(peer, { connections: 1, seconds })).p50,
    }));
    const measured = await inTurn(peers, { rounds, unit: "ms" });
    const title = `median latency of ${lookup} over HTTP, ${rows} users and sessions, one caller`;
    report(`${lookup}-latency`, title, { peers, measured, unit: "ms", rounds, ...details });
  }
  load.stop();
  for (const { stop } of [byHand, service]) await stop();
});
