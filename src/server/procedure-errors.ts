import type { TRPCError } from "@trpc/server";
import { RetryableError, UnavailableError } from "../errors.ts";
import type { Log } from "../observability/index.ts";

/** Returns the headers of an answer with these errors: `Retry-After` (s) if one of them may be retried. */
export function errorHeaders(errors: readonly TRPCError[]): Record<string, string> {
  const seconds = Math.max(0, ...errors.map(({ cause }) => (cause instanceof RetryableError ? cause.retryAfter : 0)));
  return seconds > 0 ? { "retry-after": String(seconds) } : {};
}

/** A call that failed. */
export interface ProcedureFailure {
  readonly error: TRPCError;
  readonly path: string | undefined;
  readonly requestId: string;
}

/** Logs a failed call: faults as errors, an unavailable service as a warning, and errors of the caller at `debug`. */
export function logProcedureError(log: Log, { error, path, requestId }: ProcedureFailure): void {
  log[levelOf(error)]({ err: error.cause ?? error, code: error.code, path, requestId }, "procedure failed");
}

function levelOf({ code, cause }: TRPCError): "error" | "warn" | "debug" {
  if (code === "INTERNAL_SERVER_ERROR" || (cause instanceof UnavailableError && cause.isFault)) return "error";
  return code === "SERVICE_UNAVAILABLE" ? "warn" : "debug";
}
