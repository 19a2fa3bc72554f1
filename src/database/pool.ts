import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { type DatabaseConfig, redactedAddress } from "../config/index.ts";
import type { Log } from "../observability/index.ts";
import { ConnectError, explainConnectError } from "./connect-error.ts";
import { openDriver } from "./driver.ts";
import { warningsFor } from "./endpoint.ts";
import { codeOf, isUnavailable } from "./error-code.ts";
import type { Db } from "./executor.ts";
import { keepMinimumConnections } from "./minimum-connections.ts";
import { poolOptions } from "./pool-options.ts";
import { checkPooler } from "./pooler.ts";
import { createProbes } from "./probes.ts";
import { createQueryTiming, type QueryTiming } from "./query-timing.ts";
import { type RetryPolicy, retry } from "./retry.ts";

/** An open pool. */
export interface Database {
  readonly db: Db;
  /** Query counters and slow statements. */
  readonly report: QueryTiming["report"];
  /** Connections of the pool: how many there may be, how many have work, and how much work waits for one. */
  pool(): { size: number; busy: number; waiting: number };
  /** Resolves when the database answers. @throws the driver's error, or ETIMEDOUT after `timeout` ms (2000) */
  ping(timeout?: number): Promise<void>;
  /**
   * Resolves when the database accepts writes. On a standby or a read-only server it closes the connection, so that the
   * next one reaches the new primary. @throws an error of SQLSTATE 25006, or what `ping` throws
   */
  checkWritable(timeout?: number): Promise<void>;
  /** Cancels every running statement. Its caller receives an error that permits a retry. */
  cancel(): void;
  /** Waits `timeout` ms (5000) for running queries, cancels the rest, then closes every connection. */
  close(timeout?: number): Promise<void>;
}

export interface ConnectOptions {
  readonly log: Log;
  readonly applicationName?: string;
  /** Retries while the server is unavailable; by default for about half a minute. */
  readonly retryPolicy?: RetryPolicy;
  /** Aborts the retries. */
  readonly signal?: AbortSignal | undefined;
  /** Idle time after which a connection beyond the minimum is closed (ms). */
  readonly idleTimeout?: number;
}

/** Time that the server has to cancel a statement (ms). */
const cancelTimeout = 500;

const defaultRetries: RetryPolicy = { retries: 9, minTimeout: 100, maxTimeout: 5_000 };

/**
 * Opens the pool and waits until the database answers.
 *
 * @throws {ConnectError} when the database refuses the connection, or is still unavailable after the last retry
 * @throws the reason of `signal` when it is aborted
 */
export async function connect(config: DatabaseConfig & { url: string }, options: ConnectOptions): Promise<Database> {
  const { log, idleTimeout = 60_000 } = options;
  const address = redactedAddress(config.url);
  const warn = (messages: readonly string[]) => {
    for (const message of messages) log.warn({ ...address }, message);
  };
  warn(warningsFor(config));
  const client = openDriver(poolOptions(config, { ...options, idleTimeout }));
  const timing = createQueryTiming({ slowQuery: config.slowQuery, log });
  const probes = createProbes(client);
  const closing = new AbortController();
  const close = (timeout = 5_000) => {
    closing.abort();
    return closeClient(client, { timeout, cancel: timing.cancel });
  };

  try {
    await waitForDatabase(probes.ping, config, options);
    warn(await checkPooler(client, config, `PostgreSQL at ${address.host}`));
  } catch (error) {
    await close(0);
    throw error;
  }
  await keepMinimumConnections(client, { min: config.poolMin, interval: idleTimeout * 0.9, signal: closing.signal });
  log.info({ ...address, min: config.poolMin, max: config.poolMax, ssl: config.ssl }, "connected to the database");
  const { report, cancel, inUse } = timing;
  const pool = () => {
    const size = config.poolMax;
    return { size, busy: Math.min(size, inUse()), waiting: Math.max(0, inUse() - size) };
  };
  return { ...probes, db: drizzle(timing.timed(client)), report, pool, cancel, close };
}

async function waitForDatabase(
  ping: Database["ping"],
  { url, ssl, role }: DatabaseConfig & { url: string },
  { log, retryPolicy = defaultRetries, signal }: ConnectOptions,
): Promise<void> {
  const address = redactedAddress(url);
  const started = performance.now();
  try {
    await retry(() => ping(6_000), {
      ...retryPolicy,
      shouldRetry: isUnavailable,
      signal,
      onRetry: (error, attempt) =>
        log.warn({ ...address, attempt, code: codeOf(error) }, "database not reached yet, trying again"),
    });
  } catch (error) {
    signal?.throwIfAborted();
    const waited = performance.now() - started;
    throw new ConnectError(explainConnectError(error, { ...address, ssl, role, waited }), error);
  }
}

async function closeClient(client: Sql, { timeout, cancel }: { timeout: number; cancel: () => void }): Promise<void> {
  // Without a cancel request, the server continues a statement whose connection is closed.
  const timer = setTimeout(cancel, timeout);
  await client.end({ timeout: (timeout + cancelTimeout) / 1000 });
  clearTimeout(timer);
}
