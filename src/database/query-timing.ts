import type { Sql, TransactionSql } from "postgres";
import type { Log } from "../observability/index.ts";

/** One statement that was slow, however often: its text, never its values. */
export interface SlowQuery {
  readonly text: string;
  readonly count: number;
  /** The longest it took (ms), waiting for a connection included. */
  readonly worst: number;
  readonly last: Date;
}

/** How many different slow statements are remembered; the one seen longest ago makes room. */
const remembered = 50;

/**
 * Times every query that Drizzle sends: it reaches postgres.js through `unsafe`, `begin` and
 * `savepoint` alone. Queries go to the log at level debug, slow ones as a warning, with their text
 * and without their values.
 */
export function createTiming(options: { slowQuery: number; log: Log }) {
  const running = new Set<{ cancel(): unknown }>();
  const slow = new Map<string, SlowQuery>();
  let queries = 0;
  let slowQueries = 0;

  function finished(statement: string, started: number): void {
    const ms = Math.round((performance.now() - started) * 100) / 100;
    queries++;
    const isSlow = ms >= options.slowQuery;
    if (!isSlow && !options.log.isLevelEnabled("debug")) return;
    const text = statement.replace(/\s+/g, " ").trim();
    options.log.debug({ query: text, ms }, "query");
    if (!isSlow) return;

    slowQueries++;
    options.log.warn({ query: text, ms }, "slow query");
    const before = slow.get(text);
    slow.delete(text);
    slow.set(text, {
      text,
      count: (before?.count ?? 0) + 1,
      worst: Math.max(before?.worst ?? 0, ms),
      last: new Date(),
    });
    const oldest = slow.keys().next().value;
    if (slow.size > remembered && oldest !== undefined) slow.delete(oldest);
  }

  /** The same client, with its queries timed. */
  function timed<Client extends Sql | TransactionSql>(client: Client): Client {
    const unsafe: Sql["unsafe"] = (text, parameters, settings) => {
      const query = client.unsafe(text, parameters, settings);
      const started = performance.now();
      running.add(query);
      const done = () => {
        running.delete(query);
        finished(text, started);
      };
      // Both ways: an observer that only looks at success would make a failure an unhandled one.
      query.then(done, done);
      return query as never;
    };
    const begin = (work: (sql: TransactionSql) => unknown) => (client as Sql).begin((sql) => work(timed(sql)));
    const savepoint = (work: (sql: TransactionSql) => unknown) =>
      (client as TransactionSql).savepoint((sql) => work(timed(sql)));
    return Object.assign(Object.create(client) as Client, { unsafe, begin, savepoint });
  }

  return {
    timed,
    /** Asks the server to cancel every statement that runs, and drops those that wait (manual, 55.2.8). */
    cancel: () => {
      for (const query of running) query.cancel();
    },
    /** Counters since the start, and the slow statements, latest first. */
    report: () => ({ queries, slowQueries, slow: [...slow.values()].reverse() }),
  };
}

export type Timing = ReturnType<typeof createTiming>;
