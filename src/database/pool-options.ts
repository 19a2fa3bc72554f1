import type { DatabaseConfig } from "../config/index.ts";
import { parseStoredJson } from "../json/index.ts";
import type { Log } from "../observability/index.ts";
import { driverOptions } from "./endpoint.ts";
import { transactionPoolerOptions } from "./pooler.ts";
import { startupSettings } from "./session-settings.ts";

/** Time for an answer to arrive after `statement_timeout` has expired (s). */
const answerMargin = 5;

/** Type OIDs of PostgreSQL (pg_type.dat). */
const oids = { json: 114, jsonb: 3802 } as const;

/** postgres.js options of the service's pool. `idleTimeout` in ms. */
export function poolOptions(
  config: DatabaseConfig & { url: string },
  { log, applicationName = "aeturnis-data", idleTimeout }: { log: Log; applicationName?: string; idleTimeout: number },
) {
  const endpoint = driverOptions(config);
  return {
    ...endpoint,
    ...(config.pooler === "transaction" && transactionPoolerOptions),
    max: config.poolMax,
    idle_timeout: idleTimeout / 1000,
    // At most 1 s between two attempts to reconnect: the default of postgres.js is up to 20 s.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 1) * (0.5 + Math.random() / 2),
    // Drizzle parses arrays itself. This saves a query for each new connection.
    fetch_types: false,
    // Numbers in json and jsonb may have more digits than a JavaScript number holds.
    types: {
      json: { to: oids.json, from: [oids.json, oids.jsonb], serialize: JSON.stringify, parse: parseStoredJson },
    },
    onnotice: (notice: Record<string, unknown>) => log.debug({ notice: notice["message"] }, "notice"),
    connection: { application_name: applicationName, ...endpoint.connection, ...startupSettings(config) },
    // A connection that is silent for longer than any statement may run is lost, and would occupy a place in the pool.
    answer_timeout: config.statementTimeout > 0 ? config.statementTimeout / 1000 + answerMargin : null,
  };
}
