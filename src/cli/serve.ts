import { createLog, openTerminal } from "../observability/index.ts";
import { createService } from "../server/index.ts";
import { readConfig } from "./environment.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { onStop } from "./stop.ts";
import { welcomeText } from "./welcome.ts";

/** Time after the requests' own limit (ms) in which statements are cancelled and the embedded server stops. */
const cleanUpTimeout = { embedded: 15_000, external: 2_500 };

/**
 * `aeturnis-data serve`: runs the service until the process receives SIGINT, SIGTERM or SIGHUP, and then lets running
 * requests finish.
 *
 * @throws {OperatorError} if the configuration, the data or the port does not permit a start
 */
export async function serve({ migrate = false }: { migrate?: boolean } = {}): Promise<void> {
  limitHeapGrowth();
  const config = readConfig();
  const log = createLog({
    level: config.logLevel,
    ...(config.environment === "development" && process.stdout.isTTY && { destination: await openTerminal() }),
  });

  const startAborted = new AbortController();
  const stop = onStop(
    async ({ signal, fault }) => {
      if (fault !== undefined) log.fatal({ err: fault }, "stopping after a fault");
      else log.info({ signal }, "stopping");
      // An aborted start releases what it has acquired.
      startAborted.abort();
      const service = await starting.catch(() => undefined);
      await service?.close({ urgent: fault !== undefined });
      log.info("stopped");
    },
    {
      timeout:
        config.http.shutdownDelay +
        config.http.shutdownTimeout +
        cleanUpTimeout[config.database.url === undefined ? "embedded" : "external"],
    },
  );
  const starting = createService({
    config,
    log,
    migrate,
    signal: startAborted.signal,
    onLost: (fault) => stop({ fault }),
  });
  const service = await starting.catch((error: unknown) => {
    if (!startAborted.signal.aborted) throw error;
  });
  if (service !== undefined && config.environment !== "production") console.log(welcomeText(service));
}
