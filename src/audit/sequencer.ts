import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import {
  codeOf,
  type Db,
  type Executor,
  isMissingPartition,
  isTransactionConflict,
  isUnavailable,
  pollMark,
  sqlstate,
} from "../database/index.ts";
import type { Log } from "../observability/index.ts";

/** Time from one statement to the next while no rows wait (ms). */
const interval = 200;

/** The longest time of a burst of rows (ms). */
const burstTime = 5_000;

/** Time until the next try after a failure (ms). */
const retryInterval = 1_000;

/** Rows that a call of `sequence_audit_log` looks at if there are more. */
const batchSize = 5_000;

/**
 * Gives up to 5,000 rows their index.
 *
 * @returns how many rows it has looked at; null if another process is at it
 */
export async function sequenceRows(db: Db): Promise<number | null> {
  const sequence = async (executor: Executor = db) => {
    const [row] = await executor.execute(sql`${sql.raw(pollMark)} select public.sequence_audit_log() as rows`);
    return (row?.["rows"] ?? null) as number | null;
  };
  try {
    return await sequence();
  } catch (error) {
    // The trail has a partition that its log has not, such as one that was attached a moment ago.
    if (isMissingPartition(error)) {
      await db.execute(sql`select public.create_audit_leaves_partitions()`);
      return sequence();
    }
    // The limit is for statements that a request waits for. The next batch would be the same, and take as long.
    if (codeOf(error) !== sqlstate.queryCanceled) throw error;
    return db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('statement_timeout', '0', true)`);
      return sequence(tx);
    });
  }
}

/**
 * Gives the rows of the audit trail their index in its log, in one order and without gaps. A row gets it when no transaction
 * is running that began to write before the row's: writers do not wait.
 *
 * Any number of services may run a sequencer on one database. The SQL function holds an advisory lock until the end of its
 * transaction, so that one of them works at a time, and a killed one leaves nothing behind.
 *
 * @returns `stop`, which starts no further statement, and resolves when the last one has ended
 */
export function startSequencer({ db, log }: { db: Db; log: Log }): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isFailing = false;
  let laggingSince: number | undefined;

  const run = async (): Promise<number> => {
    const startedAt = performance.now();
    try {
      const rows = await sequenceRows(db);
      isFailing = false;
      return restAfter(performance.now() - startedAt, rows === batchSize);
    } catch (error) {
      if (!isFailing) reportFailure(error);
      return retryInterval;
    }
  };
  /** While it lags it works at most half of the time, and a quarter in the first seconds: the writers of a burst go first. */
  const restAfter = (elapsed: number, isLagging: boolean): number => {
    const now = performance.now();
    laggingSince = isLagging ? (laggingSince ?? now) : undefined;
    if (laggingSince === undefined) return Math.max(interval - elapsed, elapsed);
    return now - laggingSince < burstTime ? 3 * elapsed : elapsed;
  };
  const reportFailure = (err: unknown) => {
    // Pending migrations and an unavailable database are reported by others.
    const isKnown =
      codeOf(err) === sqlstate.undefinedFunction || isUnavailable(err) || isTransactionConflict(err) || signal.aborted;
    isFailing = !isKnown;
    log[isKnown ? "debug" : "error"](
      { err },
      "rows of the audit trail wait for their place in its order; it is tried again",
    );
  };

  const ended = (async () => {
    while (!signal.aborted) await pause(await run(), undefined, { signal, ref: false }).catch(() => {});
  })();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}
