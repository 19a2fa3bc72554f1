import type { Executor } from "../database/index.ts";
import type { Log } from "../observability/index.ts";

/** Periodic work. Its state lives in the process; the database decides which process runs it. */
export interface Job {
  /** Identifies the job in the log and in its advisory lock. */
  readonly name: string;
  /** Time between two runs of one process (ms). */
  readonly interval: number;
  /** The log message for a failed run. Repeated failures are logged once. */
  readonly failureMessage: string;
  /** The log level for a failed run; `error` by default. */
  readonly failureLevel?: (error: unknown) => "error" | "warn" | "debug";
  run(context: JobContext): Promise<void>;
}

export interface JobContext {
  /** The transaction that holds the job's lock. It is repeated after a conflict, so a run must be repeatable. */
  readonly tx: Executor;
  readonly log: Log;
  /** Runs jobs right after this run, in the given order. */
  readonly runNext: (jobs: readonly Job[]) => void;
}
