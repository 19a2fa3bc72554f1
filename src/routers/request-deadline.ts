import type { ProcedureType } from "@trpc/server";
import { UnavailableError } from "../errors.ts";
import { InFlight } from "../in-flight.ts";

/**
 * Waits for a call until its deadline. The call itself is not stopped: statements that were sent to the database may
 * still complete.
 *
 * @throws {UnavailableError} when the deadline has passed
 */
export type RequestDeadline = <Result>(call: Promise<Result>, type: ProcedureType) => Promise<Result>;

/**
 * Returns the deadline of calls that may take `timeout` ms each. One clock serves all of them, in place of a timer for each.
 * It ticks ten times in `timeout`, and at least every 250 ms, so that a call is refused late by that much at most. It does
 * not keep the process alive.
 */
export function createRequestDeadline(timeout: number): RequestDeadline {
  const interval = Math.min(timeout / 10, 250);
  // In the order of their ends, because all take the same time.
  const waiting = new InFlight<{ readonly end: number; readonly refuse: () => void }>();
  let clock: NodeJS.Timeout | undefined;

  const tick = () => {
    const now = performance.now();
    for (let { first } = waiting; first !== undefined; { first } = waiting) {
      if (first.value.end > now) return;
      waiting.remove(first);
      first.value.refuse();
    }
    clearInterval(clock);
    clock = undefined;
  };

  return (call, type) =>
    new Promise((resolve, reject) => {
      clock ??= setInterval(tick, interval).unref();
      const refuse = () => reject(new UnavailableError(`The database did not answer in time. ${remedies[type]}`));
      const entry = waiting.add({ end: performance.now() + timeout, refuse });
      call.then(
        (result) => {
          waiting.remove(entry);
          resolve(result);
        },
        (error: unknown) => {
          waiting.remove(entry);
          reject(error);
        },
      );
    });
}

const mutationRemedy = "The change may have been made or may still be made: check before you repeat the call.";
const remedies: Readonly<Record<ProcedureType, string>> = {
  query: "Try again in a few seconds.",
  mutation: mutationRemedy,
  subscription: mutationRemedy,
};
