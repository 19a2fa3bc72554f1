import { setInterval as every } from "node:timers/promises";
import { sql } from "drizzle-orm";
import {
  type AuditProblem,
  codeOf,
  createAuditPartitions,
  type Db,
  findAuditProblems,
  sqlstate,
} from "../database/index.ts";
import type { Log } from "../observability/index.ts";

/** How often the service looks after each part of the audit trail (ms). */
const intervals = {
  partitions: 6 * 60 * 60 * 1000,
  /** Until then a table that was changed is recorded more slowly. */
  recorders: 5 * 60 * 1000,
  /** One query of the catalog. */
  problems: 15_000,
} as const;

/**
 * Looks after the audit trail: makes the partitions of the months ahead, and recorders for columns that tables have
 * got. It runs at once and then at intervals, and within 15 s when something keeps changes from being recorded; what it
 * cannot mend is logged as an error, once. Several services may run it at the same time.
 */
export function startMaintenance(db: Db, log: Log): { stop: () => void } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let known = new Set<string>();
  /** What failed the last time: it is told once. */
  const failing = new Set<string>();

  const attempt = async (work: () => Promise<void>, message: string, level: "error" | "warn" = "error") => {
    try {
      await work();
      failing.delete(message);
    } catch (err) {
      // No such function: the migration that makes it, and the first partitions, is pending.
      if (codeOf(err) === sqlstate.undefinedFunction) log.debug("the audit trail waits for the migrations");
      else if (!signal.aborted && !failing.has(message)) {
        failing.add(message);
        log[level]({ err }, message);
      }
    }
  };
  const tell = (problems: readonly AuditProblem[]) => {
    for (const { problem } of problems)
      if (!known.has(problem)) log.error({ problem }, "the audit trail needs mending");
    known = new Set(problems.map(({ problem }) => problem));
  };
  const makeRecorders = () =>
    attempt(
      async () => {
        const rows = await db.execute(sql`select public.refresh_change_recorders() as name`);
        if (rows.length > 0) log.info({ tables: rows.map((row) => row["name"]) }, "recorders of changes made anew");
      },
      "recorders of changes could not be made anew: changes are recorded, more slowly",
      "warn",
    );
  const lookAfter = async () => {
    await attempt(async () => {
      const made = await createAuditPartitions(db, { signal });
      if (made.length > 0) log.info({ partitions: made }, "audit partitions made");
    }, "audit partitions could not be made; trying again later");
    await makeRecorders();
    await attempt(async () => tell(await findAuditProblems(db)), "the audit trail could not be looked at");
  };
  const watch = async () => {
    // A database that is away is the probes' to report.
    const problems = await findAuditProblems(db).catch(() => []);
    if (problems.some(({ problem }) => !known.has(problem))) await lookAfter();
    else known = new Set(problems.map(({ problem }) => problem));
  };
  const periodically = async (ms: number, work: () => Promise<void>) => {
    for await (const _ of every(ms, undefined, { ref: false, signal })) await work();
  };
  const run = async () => {
    await lookAfter();
    await Promise.all([
      periodically(intervals.partitions, lookAfter),
      periodically(intervals.recorders, makeRecorders),
      periodically(intervals.problems, watch),
    ]);
  };
  // Ends, by rejection, when it is stopped.
  run().catch(() => {});
  return { stop: () => stopping.abort() };
}
