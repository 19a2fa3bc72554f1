/**
 * Sums the self time in a V8 profile by npm package. Time in Node.js and V8 themselves (sockets, garbage collection,
 * parsing) has entries of its own; idle time is omitted.
 */
export function profileByPackage({ nodes, samples, timeDeltas }) {
  const owners = new Map(nodes.map((node) => [node.id, ownerOf(node.callFrame)]));
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

function ownerOf({ functionName, url }) {
  if (functionName === "(idle)") return undefined;
  if (functionName === "(garbage collector)") return "(garbage collection)";
  const packages = [...url.matchAll(/(?:node_modules)\/((?:@[^/]+\/)?[^/]+)/g)];
  if (packages.length > 0) return packages.at(-1)[1];
  if (url.startsWith("node:internal/deps/undici")) return "node: fetch classes";
  if (url.startsWith("node:internal/webstreams")) return "node: web streams";
  if (/^node:(internal\/)?(_?http|_http)/.test(url)) return "node: http";
  if (/^node:(internal\/)?(net|stream|streams)/.test(url)) return "node: net and streams";
  if (url.startsWith("node:")) return "node: other";
  if (url.includes("/dist/")) return "aeturnis-data";
  return "(V8 and system calls)";
}
