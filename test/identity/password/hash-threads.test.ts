import { expect, it, onTestFinished } from "vitest";
import { createHashThreads } from "../../../src/identity/password/hash-threads.ts";
import { eventually } from "../../support/eventually.ts";

/** Runs jobs that a test ends, and counts those that run. */
function runJobs({ run }: ReturnType<typeof createHashThreads>, count: number) {
  const running = new Set<() => void>();
  for (let n = 0; n < count; n++)
    void run(() => new Promise<void>((resolve) => running.add(resolve))).catch(() => undefined);
  const end = () => {
    const [job] = running;
    if (job !== undefined) running.delete(job);
    job?.();
  };
  return { running, end };
}

it.each([
  [4, 2],
  [2, 1],
  [1, 1],
])("of %d computations at once, %d run while the event loop is busy, and all again afterwards", async (limit, half) => {
  let utilization = 0.2;
  const threads = createHashThreads({ limit, interval: 5, utilization: () => utilization });
  onTestFinished(threads.close);
  const { running, end } = runJobs(threads, 100);
  await eventually(() => expect(running.size).toBe(limit));
  utilization = 0.9;
  await eventually(() => expect(threads.run.concurrency).toBe(half));
  for (let n = 0; n < limit; n++) end();
  await eventually(() => expect(running.size).toBe(half));
  utilization = 0.2;
  await eventually(() => expect(running.size).toBe(limit));
});

it("the event loop is busy while it computes, and is not while it waits", async () => {
  const threads = createHashThreads({ limit: 2, interval: 20 });
  onTestFinished(threads.close);
  let isComputing = true;
  const compute = () => {
    const end = performance.now() + 10;
    while (performance.now() < end);
    if (isComputing) setImmediate(compute);
  };
  compute();
  await eventually(() => expect(threads.run.concurrency).toBe(1));
  isComputing = false;
  await eventually(() => expect(threads.run.concurrency).toBe(2));
});
