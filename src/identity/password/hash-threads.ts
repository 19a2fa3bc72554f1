import pLimit from "p-limit";
import { repeat } from "../../interval.ts";

/** Share of time in which the event loop is active, above which other calls of the process wait for it. */
const busy = 0.8;

interface HashThreadsOptions {
  /** Computations at once. */
  readonly limit: number;
  /** Time between two looks at the event loop (ms). */
  readonly interval?: number;
  /** Share of time in which the event loop was active since the last look. */
  readonly utilization?: () => number;
}

/**
 * Runs hash computations at once, up to a limit, and half of them while the event loop is busy: computations take every
 * processor that they get, and the calls of signed-in players would share what is left.
 */
export function createHashThreads({ limit, interval = 250, utilization = measureUtilization() }: HashThreadsOptions) {
  const run = pLimit(limit);
  const closing = new AbortController();
  const adapt = async () => {
    run.concurrency = utilization() > busy ? Math.max(1, Math.floor(limit / 2)) : limit;
  };
  repeat(adapt, { ms: interval, signal: closing.signal });
  return { run, close: () => closing.abort() };
}

function measureUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
