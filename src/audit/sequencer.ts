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

/** While a statement takes more rows than these, there is a burst. */
const rowsOfBurst = 1_000;

/** The writers of a burst go first: a rest is so many times as long as the statement. Otherwise it is at least as long. */
const restInBurst = 7;

/** The longest time of a burst (ms). Later the rows of the log go first, with half of the time at most. */
const burstTime = 5_000;

/** The rest after a statement that waited long for a lock (ms). */
const longestRest = 2_000;

/** Time until the next try after a failure (ms). */
const retryInterval = 1_000;

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
  let burstSince: number | undefined;

  const run = async (): Promise<number> => {
    const startedAt = performance.now();
    try {
      const rows = await sequenceRows(db);
      isFailing = false;
      return restAfter(performance.now() - startedAt, rows ?? 0);
    } catch (error) {
      if (!isFailing) reportFailure(error);
      return retryInterval;
    }
  };
  const restAfter = (elapsed: number, rows: number): number => {
    const now = performance.now();
    burstSince = rows > rowsOfBurst ? (burstSince ?? now) : undefined;
    const isBurst = burstSince !== undefined && now - burstSince < burstTime;
    return Math.max(interval - elapsed, Math.min(isBurst ? restInBurst * elapsed : elapsed, longestRest));
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
