import type { Sql, TransactionSql } from "postgres";
import { InFlight } from "../in-flight.ts";
import type { Log } from "../observability/index.ts";

/** A statement that was slow at least once: its text, never its values. */
export interface SlowQuery {
  readonly text: string;
  readonly count: number;
  /** Its longest duration (ms), including the wait for a connection. */
  readonly worst: number;
  readonly last: Date;
}

/** Number of different slow statements in the report. A new one replaces the one that was slow longest ago. */
const maxSlowQueries = 50;

/** Begins a statement that the service repeats several times a second. It is logged at level `trace`, not `debug`. */
export const pollMark = "/* poll */";

/**
 * Times every query that Drizzle sends. Drizzle calls only `unsafe`, `begin` and `savepoint` of postgres.js. Every
 * query is logged at level `debug` and slow ones (`slowQuery` ms or more) at level `warn`, without their values.
 */
export function createQueryTiming(options: { slowQuery: number; log: Log }) {
  const running = new InFlight<{ cancel(): unknown }>();
  const slow = new Map<string, SlowQuery>();
  let queries = 0;
  /** Statements and transactions that need a connection. */
  let inUse = 0;
  let slowQueries = 0;

  function record(statement: string, started: number): void {
    const ms = Math.round((performance.now() - started) * 100) / 100;
    queries++;
    const isSlow = ms >= options.slowQuery;
    const level = statement.startsWith(pollMark) ? "trace" : "debug";
    if (!isSlow && !options.log.isLevelEnabled(level)) return;
    const text = statement.replace(/\s+/g, " ").trim();
    options.log[level]({ query: text, ms }, "query");
    if (!isSlow) return;
    options.log.warn({ query: text, ms }, "slow query");
    recordSlow(text, ms);
  }

  function recordSlow(text: string, ms: number): void {
    slowQueries++;
    const previous = slow.get(text);
    // Deleted first, so that the map keeps its entries in the order of their last occurrence.
    slow.delete(text);
    slow.set(text, {
      text,
      count: (previous?.count ?? 0) + 1,
      worst: Math.max(previous?.worst ?? 0, ms),
      last: new Date(),
    });
    const oldest = slow.keys().next().value;
    if (slow.size > maxSlowQueries && oldest !== undefined) slow.delete(oldest);
  }

  /** Counts a connection until work settles. */
  function use<Work extends PromiseLike<unknown>>(work: Work): Work {
    inUse++;
    const end = () => {
      inUse--;
    };
    work.then(end, end);
    return work;
  }

  /** Returns the same client with its queries timed. */
  function timed<Client extends Sql | TransactionSql>(client: Client, isInTransaction = false): Client {
    const unsafe: Sql["unsafe"] = (text, parameters, settings) => {
      const query = client.unsafe(text, parameters, settings);
      // The transaction has a connection already.
      if (!isInTransaction) inUse++;
      const started = performance.now();
      const entry = running.add(query);
      const onSettled = () => {
        running.remove(entry);
        if (!isInTransaction) inUse--;
        record(text, started);
      };
      // Without the second handler a failed query would also be an unhandled rejection.
      query.then(onSettled, onSettled);
      return query as never;
    };
    const begin = (work: (sql: TransactionSql) => unknown) =>
      use((client as Sql).begin((sql) => work(timed(sql, true))));
    const savepoint = (work: (sql: TransactionSql) => unknown) =>
      (client as TransactionSql).savepoint((sql) => work(timed(sql, true)));
    return Object.assign(Object.create(client) as Client, { unsafe, begin, savepoint });
  }

  return {
    timed,
    /** Statements and transactions that have, or wait for, a connection of the pool. */
    inUse: () => inUse,
    /** Sends a cancel request for every running statement and drops queued ones (PostgreSQL manual, 55.2.8). */
    cancel: () => {
      for (const query of running.values()) query.cancel();
    },
    /** Counters since the start, and the slow statements, latest first. */
    report: () => ({ queries, slowQueries, slow: [...slow.values()].reverse() }),
  };
}

export type QueryTiming = ReturnType<typeof createQueryTiming>;
