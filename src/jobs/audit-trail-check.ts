import { findAuditProblems, isUnavailable } from "../database/index.ts";
import type { Job } from "./job.ts";

/**
 * Detects what prevents changes from being recorded, or will. It runs `repairs` for a new problem and checks again. A problem
 * that remains is logged once: as an error if changes fail, or else as a warning.
 */
export function auditTrailCheck(repairs: readonly Job[]): Job {
  let reported: ReadonlySet<string> = new Set();
  const repaired = new Set<string>();

  const job: Job = {
    name: "audit-trail-check",
    interval: 15_000,
    failureMessage: "the audit trail could not be checked",
    // The readiness probe reports an unavailable database.
    failureLevel: (error) => (isUnavailable(error) ? "debug" : "error"),
    async run({ tx, log, runNext }) {
      const problems = await findAuditProblems(tx);
      const added = problems.filter(({ problem }) => !reported.has(problem));
      if (added.some(({ problem }) => !repaired.has(problem))) {
        for (const { problem } of added) repaired.add(problem);
        runNext([...repairs, job]);
        return;
      }
      for (const { problem, blocksWrites } of added)
        log[blocksWrites ? "error" : "warn"]({ problem }, "the audit trail has a problem");
      reported = new Set(problems.map(({ problem }) => problem));
      repaired.clear();
    },
  };
  return job;
}
