/**
 * The parts of src, from the bottom up. A part imports only from lines above its own in this list; parts of one line do
 * not import each other. The files directly in src are below all parts, except index.ts, the package's entry point.
 *
 * `npm run floors` writes these rules into biome.json.
 */
export const floors = [
  ["config", "json", "observability"],
  ["schema"],
  ["validation"],
  ["database"],
  ["privileges"],
  ["embedded", "migrator", "query", "bulk"],
  ["repositories"],
  ["identity", "audit", "accounts", "jobs"],
  ["routers"],
  ["server"],
  ["cli"],
] as const;

/** The package for frontends: it imports types of the routers, and no part imports it. */
const client = "client";

export const parts: readonly string[] = [...floors.flat(), client];

const floorOf = (part: string): number => floors.findIndex((floor) => (floor as readonly string[]).includes(part));

/** Whether `from` may import the door of `to`. */
export function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (from === client) return to === "routers";
  return to !== client && floorOf(from) > floorOf(to);
}

/** The rules as biome's overrides: one for each part, and one for the files directly in src. */
export function biomeOverrides(): object[] {
  const ground = restrict(["src/*.ts", "!src/index.ts"], (part) => [`**/${part}/**`]);
  const perPart = parts.map((from) =>
    restrict([`src/${from}/**`], (to) => {
      if (to === from) return [];
      // The pattern of the part `server` matches the package @trpc/server, which the client uses.
      if (from === client && to === "server") return ["**/server/**", "!@trpc/server/**"];
      return mayImport(from, to) ? [`**/${to}/**`, `!**/${to}/index.ts`] : [`**/${to}/**`];
    }),
  );
  return [ground, ...perPart];
}

const message = "Import only the index.ts of a part on a lower floor: see docs/architecture.md.";

function restrict(includes: string[], groupOf: (part: string) => string[]): object {
  const patterns = [{ group: parts.flatMap(groupOf), message }];
  const noRestrictedImports = { level: "error", options: { patterns } };
  return { includes, linter: { rules: { style: { noRestrictedImports } } } };
}
