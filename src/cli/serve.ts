import { relative } from "node:path";
import { createLog } from "../observability/index.ts";
import { createService, type Service } from "../server/index.ts";
import { version } from "../version.ts";
import { readConfig } from "./environment.ts";
import { onStop } from "./stop.ts";

/** `aeturnis-data serve`: runs until it is told to stop (SIGINT, SIGTERM), then lets running requests finish. */
export async function serve({ migrate = false }: { migrate?: boolean } = {}): Promise<void> {
  const config = readConfig();
  const log = createLog({
    level: config.logLevel,
    pretty: config.environment === "development" && process.stdout.isTTY,
  });

  const givenUp = new AbortController();
  const stop = onStop(
    async ({ signal, fault }) => {
      if (fault !== undefined) log.fatal({ err: fault }, "stopping after a fault");
      else log.info({ signal }, "stopping");
      // Also when it is still starting; a start that is given up cleans up after itself.
      givenUp.abort();
      const running = await starting.catch(() => undefined);
      await running?.close();
      log.info("stopped");
    },
    // What is cancelled at the end of the time, and the embedded server, want a moment.
    { patience: config.http.shutdownTimeout + (config.database.url === undefined ? 15_000 : 2_500) },
  );
  const starting = createService({ config, log, migrate, signal: givenUp.signal, onLost: (fault) => stop({ fault }) });
  const service = await starting.catch((error: unknown) => {
    if (!givenUp.signal.aborted) throw error;
  });
  if (service === undefined) return;
  if (config.environment !== "production") console.log(firstScreen(service));
}

function firstScreen({ url, embedded, databaseVersion }: Service): string {
  const data = embedded === undefined ? "at DATABASE_URL" : `embedded, data in ${nearby(embedded.cluster)}`;
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

/** A path as it is shorter: from here, if it is below. */
function nearby(path: string): string {
  const fromHere = relative("", path);
  return fromHere.startsWith("..") ? path : fromHere;
}
