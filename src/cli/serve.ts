import { relative } from "node:path";
import closeWithGrace from "close-with-grace";
import { createLog } from "../log.ts";
import { createService, type Service, version } from "../server/service.ts";
import { readConfig } from "./environment.ts";

/** `aeturnis-data serve`: runs until it is told to stop (SIGINT, SIGTERM), then lets running requests finish. */
export async function serve(): Promise<void> {
  const config = readConfig();
  const log = createLog({
    level: config.logLevel,
    pretty: config.environment === "development" && process.stdout.isTTY,
  });

  let service: Service | undefined;
  const grace = closeWithGrace({ delay: config.http.shutdownTimeout * 2, logger: false }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, "stopping after a fault");
    else log.info({ signal }, "stopping");
    await service?.close();
    log.info("stopped");
    if (err) process.exitCode = 1;
  });
  service = await createService({
    config,
    log,
    onLost: (err) => {
      log.fatal({ err }, "the embedded PostgreSQL is lost");
      grace.close();
    },
  });

  if (config.environment !== "production") console.log(firstScreen(service));
}

function firstScreen({ url, embedded, databaseVersion }: Service): string {
  const data =
    embedded === undefined
      ? "at DATABASE_URL"
      : `embedded, data in ${relative("", embedded.cluster) || embedded.cluster}`;
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
