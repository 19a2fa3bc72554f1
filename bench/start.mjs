// Measures the time from the start of the service's process to its first answer, on a migrated database. The server written
// by hand, which opens its first connection later, shows what Node.js itself takes.
import { startPeer, startService } from "./service-process.mjs";
import { inTurn, migrated, onServer, report } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 9);

await onServer(async (server) => {
  const { url, close } = await migrated(server, "start");
  const startTimeOf = async (starting) => {
    const { startTime, stop } = await starting;
    await stop();
    return startTime;
  };
  const peers = [
    { name: "by hand", measure: () => startTimeOf(startPeer("hand-written", url)) },
    { name: "aeturnis-data", measure: () => startTimeOf(startService(url, { reportsTime: false })) },
  ];
  const measured = await inTurn(peers, { rounds, unit: "ms" });
  report("start", "from the start of the process to /readyz 200", { peers, measured, unit: "ms", rounds });
  await close();
});
