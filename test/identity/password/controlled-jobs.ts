import { type HashJobOptions, HashQueue } from "../../../src/identity/password/hash-queue.ts";

/** A job that runs until the test ends it. */
export interface ControlledJob {
  readonly id: number;
  /** Settles with the id of the job. */
  readonly result: Promise<number>;
  hasBegun: boolean;
  end(): void;
  fail(error: Error): void;
}

/** A queue whose jobs and clock the test controls. */
export function controlledQueue({ limit, maxWait }: { limit: number; maxWait?: number }) {
  const clock = { time: 0 };
  const queue = new HashQueue({ limit, now: () => clock.time, ...(maxWait !== undefined && { maxWait }) });
  const begun: number[] = [];
  let count = 0;
  const submit = (options: HashJobOptions): ControlledJob => {
    const id = count++;
    const { promise, resolve, reject } = withResolvers<number>();
    const work = () => {
      begun.push(id);
      job.hasBegun = true;
      return promise;
    };
    const result = queue.run(work, options);
    // The test may look at a refusal later.
    result.catch(() => undefined);
    const job: ControlledJob = { id, result, hasBegun: false, end: () => resolve(id), fail: reject };
    return job;
  };
  return { queue, submit, begun, clock };
}

/** `Promise.withResolvers` of Node 22. */
function withResolvers<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Waits until the reactions to what was settled so far have run. */
export const reactions = () => new Promise<void>((resolve) => setImmediate(resolve));
