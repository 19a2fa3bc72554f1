// The load of the benchmarks over HTTP. autocannon runs in a process of its own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { sampledMemory } from "./memory.mjs";
import { median, rounded } from "./support.mjs";

/**
 * A server under load.
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} url
 * @property {number} pid of its process
 * @property {Record<string, string>} [headers] of every request
 * @property {() => Call[] | Promise<Call[]>} calls the calls of a run
 *
 * @typedef {object} Call
 * @property {{ method?: string, path: string, headers?: Record<string, string>, body?: string }} request
 * @property {string[]} holds what the answer must contain
 */

/** Starts the load generator. */
export function startLoad() {
  const generator = fork(new URL("load-generator.mjs", import.meta.url));
  // A benchmark that fails leaves no generator behind.
  process.once("exit", () => generator.kill());

  /** @returns the answers per second, their count, and percentiles of the latencies (ms) */
  async function run({ name, url, headers = {}, calls }, { connections, seconds }) {
    const requests = (await calls()).map(({ request }) => request);
    const answer = once(generator, "message");
    generator.send({ url, headers, requests, connections, seconds });
    const [result] = await answer;
    if (result.failure !== undefined) throw new Error(`${name}: ${result.failure}`);
    return result;
  }
  return { run, stop: () => generator.disconnect() };
}

/**
 * A peer of `inTurn` that measures requests per second. It reports the 99th percentile of the latencies and the memory of
 * the process beside them.
 */
export function underLoad(peer, { load, connections, seconds }) {
  const latencies = [];
  const memory = sampledMemory(peer.pid);
  const measure = async () => {
    const { perSecond, p99 } = await memory.during(load.run(peer, { connections, seconds }));
    latencies.push(p99);
    return perSecond;
  };
  // The first run is a warm-up.
  return {
    name: peer.name,
    measure,
    columns: () => ({ "p99 (ms)": rounded(median(latencies.slice(1))), ...memory.columns() }),
  };
}

/** Verifies the answers of some calls. */
export async function requireRows({ name, url, headers, calls }) {
  for (const { request, holds } of (await calls()).slice(0, 20)) {
    const { path, ...options } = request;
    const response = await fetch(url + path, { ...options, headers: { ...headers, ...options.headers } });
    const body = await response.text();
    if (response.status !== 200 || !holds.every((part) => body.includes(part)))
      throw new Error(`${name} answered ${response.status} to ${path}: ${body.slice(0, 500)}`);
  }
}

/** Draws that many elements at random. */
export const draw = (list, count) => Array.from({ length: count }, () => list[Math.floor(Math.random() * list.length)]);
