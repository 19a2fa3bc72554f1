import { Histogram, type Registry } from "prom-client";

/** Upper bounds of the buckets (s): a look-up takes some milliseconds, and a failed sign-in a whole second. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts calls of procedures, and how long they take. */
export interface CallMetrics {
  /**
   * @param procedure its path, such as `users.byId`
   * @param code `OK`, or the code of its error
   * @param ms how long it took
   */
  observe(procedure: string, code: string, ms: number): void;
}

/** Counts nothing. */
export const noCallMetrics: CallMetrics = { observe: () => {} };

/** Returns metrics of calls in a registry: their number is the count of the histogram. */
export function createCallMetrics(registry: Registry): CallMetrics {
  const duration = new Histogram({
    name: "aeturnis_procedure_duration_seconds",
    help: "Time from the begin of a procedure to its answer, by procedure and code (OK, or that of the error).",
    labelNames: ["procedure", "code"],
    buckets,
    registers: [registry],
  });
  return { observe: (procedure, code, ms) => duration.observe({ procedure, code }, ms / 1_000) };
}
