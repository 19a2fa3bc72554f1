import { relative } from "node:path";
import { version } from "../package.ts";
import type { Service } from "../server/index.ts";

/** The text that `serve` prints outside of production: addresses, data and the next commands. */
export function welcomeText({ url, embedded, databaseVersion }: Service): string {
  const data = embedded === undefined ? "at DATABASE_URL" : `embedded, data in ${shortPath(embedded.cluster)}`;
  const lines = [
    ["API", url],
    ["database", `PostgreSQL ${databaseVersion}, ${data}`],
    ["token", "npx aeturnis-data token --service game-server"],
    ["Studio", "npm run studio"],
    ["try it", `curl ${url}/health.status`],
    ["stop", "Ctrl-C"],
  ];
  return [
    "",
    `  aeturnis-data ${version}`,
    "",
    ...lines.map(([name, text]) => `  ${name?.padEnd(10)}${text}`),
    "",
  ].join("\n");
}

/** A path below the working directory as a relative path; any other path as it is. */
function shortPath(path: string): string {
  const relativePath = relative("", path);
  return relativePath.startsWith("..") ? path : relativePath;
}
