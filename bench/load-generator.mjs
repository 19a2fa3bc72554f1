// Sends prepared requests, as a process of its own: see load.mjs.
import autocannon from "autocannon";

/** An answer with a row is longer (characters). An empty one, such as `null` in superjson's form, is shorter. */
const rowSize = 100;

process.on("message", async (run) => {
  const answer = await load(run).catch((error) => ({ failure: error.message }));
  process.send(answer);
});
process.once("disconnect", () => process.exit());

/** Sends the requests one after another over each connection. Each connection repeats a share of its own. */
function load({ url, headers, requests, connections, seconds }) {
  const latencies = [];
  const moments = [];
  let clients = 0;
  return new Promise((resolve, reject) => {
    const options = {
      url,
      headers,
      connections,
      duration: seconds,
      // The run ends at the next sample (ms).
      sampleInt: 100,
      setupClient: (client) => {
        const share = clients++;
        client.setRequests(requests.filter((_, index) => index % connections === share));
      },
      verifyBody: (body) => body.length > rowSize,
    };
    const running = autocannon(options, (error, { non2xx, errors, mismatches } = {}) => {
      if (error) return reject(error);
      if (non2xx + errors + mismatches > 0)
        return reject(new Error(`${non2xx} bad answers, ${errors} errors, ${mismatches} answers without a row`));
      latencies.sort((a, b) => a - b);
      resolve({
        count: latencies.length,
        perSecond: ((latencies.length - 1) / (moments[1] - moments[0])) * 1_000,
        p50: percentile(latencies, 0.5),
        p99: percentile(latencies, 0.99),
      });
    });
    running.on("response", (_client, _status, _bytes, latency) => {
      const now = performance.now();
      moments[0] ??= now;
      moments[1] = now;
      latencies.push(latency);
    });
  });
}

const percentile = (sorted, share) => sorted[Math.floor((sorted.length - 1) * share)];
