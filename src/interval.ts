import { setInterval as intervals } from "node:timers/promises";

/**
 * Runs `work` every `ms` milliseconds, first after one interval and never twice at a time, until `signal` is aborted.
 * The timer does not keep the process alive. `work` must not throw.
 */
export function repeat(work: () => Promise<unknown>, { ms, signal }: { ms: number; signal: AbortSignal }): void {
  const run = async () => {
    for await (const _ of intervals(ms, undefined, { ref: false, signal })) await work();
  };
  // The iterator ends with a rejection when the signal is aborted.
  run().catch(() => {});
}
