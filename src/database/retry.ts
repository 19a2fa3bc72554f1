import pRetry from "p-retry";
import { DomainError } from "../errors.ts";

/** How often, and how patiently, something is tried again: exponential backoff with full jitter. */
export interface Patience {
  /** Attempts after the first. */
  readonly retries: number;
  /** Wait before the first repetition, and the longest wait (ms). */
  readonly minTimeout: number;
  readonly maxTimeout: number;
  /** Longest time for all of them together (ms). */
  readonly maxRetryTime?: number;
}

/** Runs `work` again while `again(error)` holds and patience lasts; then, or when aborted, throws the last error. */
export function retry<T>(
  work: () => Promise<T>,
  options: Patience & {
    again: (error: unknown) => boolean;
    onRetry?: (error: unknown, attempt: number) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<T> {
  return pRetry(work, {
    retries: options.retries,
    minTimeout: options.minTimeout,
    maxTimeout: options.maxTimeout,
    factor: 2,
    randomize: true,
    ...(options.maxRetryTime !== undefined && { maxRetryTime: options.maxRetryTime }),
    ...(options.signal && { signal: options.signal }),
    shouldRetry: ({ error }) => options.again(error),
    onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
      if (retriesLeft > 0 && options.again(error)) options.onRetry?.(error, attemptNumber);
    },
  });
}

/** SQLSTATEs of a transaction that lost against another and may simply be run again (manual, 13.5). */
const lostRaces = new Set(["40001", "40P01"]);

/** SQLSTATEs that say "not now": the server is starting, stopping, full, standby, or a time-out was reached. */
const notNow = new Set(["57P01", "57P02", "57P03", "57P05", "57014", "55P03", "25006", "25P03"]);

/** What Node and postgres.js call a connection that could not be made or was lost. */
const lostConnections = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "CONNECT_TIMEOUT",
  "ANSWER_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
]);

/** Whether a transaction, run again as a whole, may succeed. */
export const isLostRace = (error: unknown): boolean => lostRaces.has(codeOf(error) ?? "") || isPlanLost(error);

/** Whether a prepared statement lost its plan, as after ALTER TABLE: the driver's mark, on the error or its cause. */
function isPlanLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("plan_lost" in error && error.plan_lost === true) || isPlanLost(error.cause);
}

/** Whether the database is away or overloaded, so that the same call may succeed later. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "ENOENT") return isConnecting(error);
  if (code === "08P01") return !isRefusedByPooler(error);
  return code !== undefined && (notNow.has(code) || lostConnections.has(code) || /^(08|53)/.test(code));
}

/**
 * Whether a pooler does not have us, now or later. PgBouncer says everything with 08P01: that it lost the server, has no
 * connection to spare, or does not know a setting, a user or a database.
 */
function isRefusedByPooler(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /unsupported|authentication failed|no such (user|database)|not allowed|config error/.test(error.message) ||
    isRefusedByPooler(error.cause)
  );
}

/** Whether a Unix socket was not there, as while its server restarts, and not another file. */
function isConnecting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "syscall" in error ? error.syscall === "connect" : isConnecting(error.cause);
}

/** SQLSTATE or connection error code, of the error itself or of the one that Drizzle wrapped. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof DomainError) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  // A host with several addresses fails as an AggregateError of one error each.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return codeOf(error.cause);
}
