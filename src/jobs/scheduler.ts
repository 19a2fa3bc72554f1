import {
  codeOf,
  type Db,
  isTransactionConflict,
  isUnavailable,
  type RetryPolicy,
  retry,
  runAsLeader,
  sqlstate,
} from "../database/index.ts";
import { repeat } from "../interval.ts";
import type { Log } from "../observability/index.ts";
import type { Job } from "./job.ts";

/** A lock timeout or a conflict usually ends within a second. The next interval is the retry for anything longer. */
const runRetries: RetryPolicy = { retries: 3, minTimeout: 100, maxTimeout: 1_000 };

/**
 * Runs every job now, in order, and then at its interval. A process runs one job at a time. Several processes may
 * schedule the same jobs: each run has one leader, and the other processes skip it.
 *
 * @returns `stop`, which starts no further run
 */
export function startScheduler(jobs: readonly Job[], { db, log }: { db: Db; log: Log }): { stop: () => void } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let queue: readonly Job[] = [];
  const failing = new Set<Job>();
  let isRunning = false;

  const run = async (job: Job) => {
    const attempt = () =>
      runAsLeader(db, job.name, (tx) => job.run({ tx, log, runNext })).then((ran) => {
        if (!ran) log.debug({ job: job.name }, "another process runs this job");
      });
    const shouldRetry = (error: unknown) => isUnavailable(error) || isTransactionConflict(error);
    try {
      await retry(attempt, { ...runRetries, shouldRetry, signal });
      failing.delete(job);
    } catch (error) {
      if (!signal.aborted) reportFailure(job, error);
    }
  };
  const reportFailure = (job: Job, err: unknown) => {
    // The job's SQL function does not exist yet.
    if (codeOf(err) === sqlstate.undefinedFunction) {
      log.debug({ job: job.name }, "the job needs migrations that are pending");
    } else if (!failing.has(job)) {
      failing.add(job);
      log[job.failureLevel?.(err) ?? "error"]({ job: job.name, err }, job.failureMessage);
    }
  };
  const runNext = (next: readonly Job[]) => {
    queue = [...next, ...queue.filter((job) => !next.includes(job))];
  };
  const enqueue = (due: readonly Job[]) => {
    queue = [...queue, ...due.filter((job) => !queue.includes(job))];
    if (!isRunning) void runQueue();
  };
  const runQueue = async () => {
    isRunning = true;
    for (let [job] = queue; job !== undefined && !signal.aborted; [job] = queue) {
      queue = queue.slice(1);
      await run(job);
    }
    isRunning = false;
  };

  enqueue(jobs);
  for (const job of jobs) repeat(async () => enqueue([job]), { ms: job.interval, signal });
  return { stop: () => stopping.abort() };
}
