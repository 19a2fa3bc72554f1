// Compares users.byId under twice the sign-ins that the service can serve to users.byId alone. The sign-ins arrive at a
// constant rate; the service answers those beyond its queue TOO_MANY_REQUESTS.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { createSignIn, fillPlayers, serviceToken, signInInputs } from "./players.mjs";
import { startService } from "./service-process.mjs";
import { callsPerSecond, inTurn, median, migrated, onServer, report } from "./support.mjs";

const players = 60_000;
const connections = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 2);

await onServer(async (server) => {
  const { sql, url, close } = await migrated(server, "sign_in_load");
  await fillPlayers(sql, players);
  const ids = (await sql`select id from users order by random() limit 20000`).map(({ id }) => id);
  const service = await startService(url);
  const token = await serviceToken();
  const signIn = await createSignIn(service);
  const warmUp = signInInputs({ players });
  const signInsPerSecond = () => callsPerSecond(() => signIn(warmUp()), { callers: 16, seconds });
  await signInsPerSecond();
  await sql`analyze`;
  const capacity = await signInsPerSecond();

  // Players beyond those of the warm-up.
  let first = players / 4;
  const latencies = { alone: [], loaded: [] };
  const floods = [];
  const byId = async (list) => {
    const { rate, p99 } = await requestsPerSecond(service, { ids, token });
    list.push(p99);
    return rate;
  };
  const underLoad = async () => {
    const flood = startFlood({ url: service.url, rate: capacity * 2, first, players });
    await flood.full;
    const rate = await byId(latencies.loaded);
    const counts = await flood.stop();
    first += counts.sent;
    floods.push(counts);
    return rate;
  };
  const peers = [
    { name: "users.byId alone", measure: () => byId(latencies.alone) },
    { name: "users.byId under sign-ins", measure: underLoad },
  ];
  const measured = await inTurn(peers, { rounds, unit: "requests/s" });
  report("sign-in-load", `users.byId, ${connections} connections`, { peers, measured, unit: "requests/s", rounds });
  // The first round is a warm-up.
  const ofRounds = (list) => median(list.slice(1));
  const perSecond = (name) => Math.round(ofRounds(floods.map((counts) => counts[name] / counts.seconds)));
  console.log(`p99: ${ofRounds(latencies.alone)} ms alone, ${ofRounds(latencies.loaded)} ms under sign-ins`);
  console.log(
    `sign-ins per second: ${Math.round(capacity)} alone; under load ${perSecond("sent")} sent, ${perSecond("served")} served, ` +
      `${perSecond("refused")} refused, ${perSecond("others")} others\n`,
  );
  await service.stop();
  await close();
});

/** Starts the process that signs in. */
function startFlood(options) {
  const program = fileURLToPath(new URL("sign-in-flood.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  process.once("exit", () => child.kill());
  return {
    /** Resolves when the service refuses the first sign-in, because its queue is full. */
    full: once(child, "message"),
    stop: async () => {
      const counts = once(child, "message");
      child.send("stop");
      const [answer] = await counts;
      return answer;
    },
  };
}

async function requestsPerSecond({ url }, { ids, token }) {
  let next = 0;
  const path = (id) => `/trpc/users.byId?input=${encodeURIComponent(JSON.stringify({ json: { id } }))}`;
  const setupRequest = (request) => ({ ...request, path: path(ids[next++ % ids.length]) });
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [{ method: "GET", headers: { authorization: `Bearer ${token}` }, setupRequest }],
  });
  if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx} bad answers, ${result.errors} errors`);
  return { rate: result.requests.average, p99: result.latency.p99 };
}
