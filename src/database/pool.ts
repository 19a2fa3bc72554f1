import { setInterval as every } from "node:timers/promises";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { type DatabaseConfig, locate } from "../config/index.ts";
import { within } from "../deadline.ts";
import { parseStoredJson } from "../json/index.ts";
import type { Log } from "../observability/index.ts";
import { ConnectError, explain } from "./connect-error.ts";
import { openDriver } from "./driver.ts";
import { driverOptions, notesOf } from "./endpoint.ts";
import { checkPooler, transactionPoolerOptions } from "./pooler.ts";
import { createTiming, type Timing } from "./query-timing.ts";
import { codeOf, isUnavailable, type Patience, retry } from "./retry.ts";
import { startupSettings } from "./session-settings.ts";
import type { Db } from "./transaction.ts";

/** The pool, ready for use. */
export interface Database {
  readonly db: Db;
  /** Query counters and slow statements. */
  readonly report: Timing["report"];
  /** Resolves when the database answers. @throws what the driver throws, or a time-out after `timeout` ms (2000). */
  ping(timeout?: number): Promise<void>;
  /**
   * Resolves when the database may be written to. @throws an error of SQLSTATE 25006 when it is a standby or read-only;
   * its connection is then closed, so that the next one reaches the server that took its place.
   */
  checkWritable(timeout?: number): Promise<void>;
  /** Cancels every statement that runs; its caller is told to try again. */
  cancel(): void;
  /** Lets running queries finish for `timeout` ms (5000), cancels the others, then closes every connection. */
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

/** How long the server may take to cancel a statement (ms). */
const cancelled = 500;

/** Takes no lock and writes nothing: it asks a standby and a read-only role alike. */
const refuseReadOnly = `do $$ begin
  if pg_is_in_recovery() or current_setting('transaction_read_only')::boolean then
    raise exception 'This server may not be written to.' using errcode = 'read_only_sql_transaction';
  end if;
end $$`;

/** Time for an answer on its way, beyond the longest statement (s). */
const answerMargin = 5;

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
  const endpoint = driverOptions(config);
  for (const note of notesOf(config)) log.warn({ ...where }, note);
  const client = openDriver({
    ...endpoint,
    ...(config.pooler === "transaction" && transactionPoolerOptions),
    max: config.poolMax,
    idle_timeout: idleTimeout / 1000,
    // Soon back after an outage: postgres.js would wait up to 20 s between two attempts.
    backoff: (retries) => Math.min(0.05 * 2 ** retries, 1) * (0.5 + Math.random() / 2),
    // Drizzle reads arrays itself; this saves a query for each new connection.
    fetch_types: false,
    // json and jsonb: their numbers may be ones that JavaScript would round.
    types: { json: { to: 114, from: [114, 3802], serialize: JSON.stringify, parse: parseStoredJson } },
    onnotice: (notice) => log.debug({ notice: notice["message"] }, "notice"),
    connection: {
      application_name: options.applicationName ?? "aeturnis-data",
      ...endpoint.connection,
      ...startupSettings(config),
    },
    // Longer than any statement may take: what is silent for so long has gone, and would keep its place in the pool.
    answer_timeout: config.statementTimeout > 0 ? config.statementTimeout / 1000 + answerMargin : null,
  });

  async function answers(statement: string, timeout = 2_000): Promise<void> {
    const late = () => Object.assign(new Error(`no answer within ${timeout} ms`), { code: "ETIMEDOUT" });
    await within(timeout, client.unsafe(statement), late);
  }
  const ping = (timeout?: number) => answers("select 1", timeout);
  const checkWritable = (timeout?: number) => answers(refuseReadOnly, timeout);

  const stopKeeping = new AbortController();
  const close = async (timeout = 5_000) => {
    stopKeeping.abort();
    // The server would go on with the statements of a connection that is just closed.
    const late = setTimeout(timing.cancel, timeout);
    await client.end({ timeout: (timeout + cancelled) / 1000 });
    clearTimeout(late);
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
  try {
    for (const note of await checkPooler(client, config, `PostgreSQL at ${where.host}`)) log.warn({ ...where }, note);
  } catch (error) {
    await close(0);
    throw error;
  }

  const keeper = keepMinimum(client, { min: config.poolMin, interval: idleTimeout * 0.9, signal: stopKeeping.signal });
  await keeper.warm();
  log.info({ ...where, min: config.poolMin, max: config.poolMax, ssl: config.ssl }, "connected to the database");

  return {
    db: drizzle(timing.timed(client)),
    report: timing.report,
    ping,
    checkWritable,
    cancel: timing.cancel,
    close,
  };
}

/**
 * postgres.js has a maximum and no minimum. As many queries at once as the minimum take as many
 * connections, opened when they are missing. Repeated just within the idle time-out, they keep that
 * many: postgres.js hands out the connection that has rested longest, so that of more than the
 * minimum each would have to wait its turn for longer than the time-out, and is closed.
 */
function keepMinimum(client: Sql, options: { min: number; interval: number; signal: AbortSignal }) {
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
