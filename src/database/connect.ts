import { setInterval as every } from "node:timers/promises";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { DatabaseConfig } from "../config.ts";
import { locate, withoutSslMode } from "../database-url.ts";
import { within } from "../deadline.ts";
import { parseStoredJson } from "../json-numbers.ts";
import type { Log } from "../log.ts";
import { ConnectError, explain } from "./connect-error.ts";
import { codeOf, isUnavailable, type Patience, retry } from "./retry.ts";
import { timeouts, tls } from "./session.ts";
import { createTiming, type Timing } from "./timing.ts";
import type { Db } from "./transaction.ts";

/** The pool, ready for use. */
export interface Database {
  readonly db: Db;
  /** Query counters and slow statements. */
  readonly report: Timing["report"];
  /** Resolves when the database answers. @throws what the driver throws, or a time-out after `timeout` ms (2000). */
  ping(timeout?: number): Promise<void>;
  /** Lets running queries finish for `timeout` ms (5000), then closes every connection. */
  close(timeout?: number): Promise<void>;
}

export interface ConnectOptions {
  readonly log: Log;
  readonly applicationName?: string;
  /** Patience with a server that is not there yet: about half a minute unless told otherwise. */
  readonly patience?: Patience;
  /** Ends the waiting for a server that is not there yet. */
  readonly signal?: AbortSignal | undefined;
  /** A connection beyond the minimum is closed after so long without work (ms). */
  readonly idleTimeout?: number;
}

const startPatience: Patience = { retries: 9, minTimeout: 100, maxTimeout: 5_000 };

/**
 * Opens the pool and waits until the database answers.
 *
 * @throws {ConnectError} when it does not within the patience given, or refuses us
 */
export async function connect(config: DatabaseConfig & { url: string }, options: ConnectOptions): Promise<Database> {
  const { log, idleTimeout = 60_000 } = options;
  const where = locate(config.url);
  const timing = createTiming({ slowQuery: config.slowQuery, log });
  const client = postgres(withoutSslMode(config.url), {
    max: config.poolMax,
    idle_timeout: idleTimeout / 1000,
    connect_timeout: 5,
    // Soon back after an outage: postgres.js would wait up to 20 s between two attempts.
    backoff: (retries) => Math.min(0.05 * 2 ** retries, 1) * (0.5 + Math.random() / 2),
    // Drizzle reads arrays itself; this saves a query for each new connection.
    fetch_types: false,
    // json and jsonb: their numbers may be ones that JavaScript would round.
    types: { json: { to: 114, from: [114, 3802], serialize: JSON.stringify, parse: parseStoredJson } },
    ssl: tls(config, config.url),
    onnotice: (notice) => log.debug({ notice: notice["message"] }, "notice"),
    connection: {
      application_name: options.applicationName ?? "aeturnis-data",
      ...timeouts(config),
    },
  });

  async function ping(timeout = 2_000): Promise<void> {
    const late = () => Object.assign(new Error(`no answer within ${timeout} ms`), { code: "ETIMEDOUT" });
    await within(timeout, client`select 1`, late);
  }

  const stopKeeping = new AbortController();
  const close = async (timeout = 5_000) => {
    stopKeeping.abort();
    await client.end({ timeout: timeout / 1000 });
  };

  const started = performance.now();
  try {
    await retry(() => ping(6_000), {
      ...(options.patience ?? startPatience),
      again: isUnavailable,
      signal: options.signal,
      onRetry: (error, attempt) =>
        log.warn({ ...where, attempt, code: codeOf(error) }, "database not reached yet, trying again"),
    });
  } catch (error) {
    await close(0);
    throw new ConnectError(explain(error, { ...where, ssl: config.ssl, waited: performance.now() - started }), error);
  }

  const keeper = keepMinimum(client, { min: config.poolMin, interval: idleTimeout * 0.9, signal: stopKeeping.signal });
  await keeper.warm();
  log.info({ ...where, min: config.poolMin, max: config.poolMax, ssl: config.ssl }, "connected to the database");

  return { db: drizzle(timing.timed(client)), report: timing.report, ping, close };
}

/**
 * postgres.js has a maximum and no minimum. As many queries at once as the minimum take as many
 * connections, opened when they are missing. Repeated just within the idle time-out, they keep that
 * many: postgres.js hands out the connection that has rested longest, so that of more than the
 * minimum each would have to wait its turn for longer than the time-out, and is closed.
 */
function keepMinimum(client: postgres.Sql, options: { min: number; interval: number; signal: AbortSignal }) {
  const warm = async () => {
    // A failure here is the next query's to report.
    await Promise.allSettled(Array.from({ length: options.min }, () => client`select 1`));
  };
  const keep = async () => {
    for await (const _ of every(options.interval, undefined, { ref: false, signal: options.signal })) await warm();
  };
  // Ends, by rejection, when the pool is closed.
  keep().catch(() => {});
  return { warm };
}
