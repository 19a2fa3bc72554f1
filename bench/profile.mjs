import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Sums the self time in a V8 profile by npm package, also of packages that the command line bundles. Time in Node.js and V8
 * themselves (sockets, garbage collection, parsing) has entries of its own; idle time is omitted.
 */
export function profileByPackage({ nodes, samples, timeDeltas }) {
  const sourceOf = createSourceLookup();
  const owners = new Map(nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame, sourceOf)]));
  const times = new Map();
  for (const [index, id] of samples.entries()) {
    const owner = owners.get(id);
    if (owner !== undefined) times.set(owner, (times.get(owner) ?? 0) + timeDeltas[index]);
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 15)
    .map(([owner, time]) => ({ package: owner, share: `${((time / total) * 100).toFixed(1)} %` }));
}

function ownerOf(callFrame, sourceOf) {
  const { functionName, url } = callFrame;
  if (functionName === "(idle)") return undefined;
  if (functionName === "(garbage collector)") return "(garbage collection)";
  if (url.startsWith("node:internal/deps/undici")) return "node: fetch classes";
  if (url.startsWith("node:internal/webstreams")) return "node: web streams";
  if (/^node:(internal\/)?(_?http|_http)/.test(url)) return "node: http";
  if (/^node:(internal\/)?(net|stream|streams)/.test(url)) return "node: net and streams";
  if (url.startsWith("node:internal/crypto")) return "node: crypto";
  if (url.startsWith("node:")) return "node: other";
  // Maps of packages name their sources relative to themselves.
  const source = url.includes("/node_modules/") ? url : sourceOf(callFrame);
  const packages = [...source.matchAll(/(?:node_modules)\/((?:@[^/]+\/)?[^/]+)/g)];
  if (packages.length > 0) return packages.at(-1)[1];
  if (url.includes("/dist/")) return "aeturnis-data";
  return "(V8 and system calls)";
}

/** Returns a function that gives the source of a function by the source map of its file, or else its URL. */
function createSourceLookup() {
  const maps = new Map();
  return ({ url, lineNumber, columnNumber }) => {
    if (!maps.has(url)) maps.set(url, readMap(url));
    return maps.get(url)?.findEntry(lineNumber, columnNumber).originalSource ?? url;
  };
}

function readMap(url) {
  const file = url.startsWith("file:") ? `${fileURLToPath(url)}.map` : "";
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, "utf8"))) : undefined;
}
