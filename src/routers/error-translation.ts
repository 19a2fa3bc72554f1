import { type TRPC_ERROR_CODE_KEY, TRPCError } from "@trpc/server";
import { toDomainError } from "../database/index.ts";
import {
  ConflictError,
  DomainError,
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  UnauthenticatedError,
  UnavailableError,
} from "../errors.ts";

const codes = new Map<unknown, TRPC_ERROR_CODE_KEY>([
  [NotFoundError, "NOT_FOUND"],
  [ConflictError, "CONFLICT"],
  [InvalidInputError, "BAD_REQUEST"],
  [ForbiddenError, "FORBIDDEN"],
  [UnauthenticatedError, "UNAUTHORIZED"],
  [UnavailableError, "SERVICE_UNAVAILABLE"],
]);

/** What callers find in `error.data`. */
export interface ErrorData {
  /** tRPC's name of the error: `CONFLICT`, `NOT_FOUND`, … */
  readonly code: TRPC_ERROR_CODE_KEY;
  readonly httpStatus: number;
  /** The procedure, such as `users.create`. */
  readonly path: string | null;
  /** The input field at fault, dots between levels; null where no field is. */
  readonly field: string | null;
  /** Names the request in the service's log. */
  readonly requestId: string | null;
  /** Seconds after which the same call may succeed; null where that would not help. */
  readonly retryAfter: number | null;
}

/** The tRPC error of the same meaning. */
export function fromDomainError(error: DomainError): TRPCError {
  return new TRPCError({
    code: codes.get(error.constructor) ?? "INTERNAL_SERVER_ERROR",
    message: error.message,
    cause: error,
  });
}

/** What a procedure failed with, in the domain's words; an error that nobody foresaw stays what it is. */
export function translate(error: TRPCError): TRPCError {
  if (error.cause instanceof SyntaxError)
    return new TRPCError({ code: "PARSE_ERROR", message: "The input is not JSON." });
  const domain = toDomainError(error.cause);
  return domain === undefined ? error : fromDomainError(domain);
}

/** What the caller reads. Only texts that were written for callers get through. */
export function errorAnswer(
  error: TRPCError,
  requestId: string | null,
): { message: string; field: string | null; retryAfter: number | null } {
  const { cause } = error;
  if (cause instanceof DomainError) {
    const retryAfter = cause instanceof UnavailableError ? cause.retryAfter : null;
    return { message: cut(cause.message), field: cut(cause.field ?? null), retryAfter };
  }
  const issues = issuesOf(cause);
  if (issues !== undefined) return { ...tell(issues), retryAfter: null };
  return { message: textOf(error, requestId), field: null, retryAfter: null };
}

function textOf({ code, message, cause }: TRPCError, requestId: string | null): string {
  if (code === "INTERNAL_SERVER_ERROR") {
    return `Something went wrong inside the service. It is in its log under request ${requestId ?? "(unknown)"}.`;
  }
  // tRPC's own texts have no cause; a cause is an error of the engine or of a library, with its words.
  return cause === undefined ? message : "The request could not be read.";
}

interface Issue {
  readonly path: string;
  readonly text: string;
}

/** What zod found wrong with an input. */
function issuesOf(cause: unknown): Issue[] | undefined {
  if (!(cause instanceof Error) || !("issues" in cause) || !Array.isArray(cause.issues)) return undefined;
  return cause.issues.flatMap(({ path, message, keys }: { path: PropertyKey[]; message: string; keys?: string[] }) =>
    // One that is not known is at fault itself, and not what it stands in.
    keys === undefined ? issue(path, message) : keys.map((key) => issue([...path, key], "is not known here")),
  );
}

const issue = (path: readonly PropertyKey[], text: string): Issue => ({ path: path.map(String).join("."), text });

/** The first few of them: an input with thousands of faults is not answered with all. */
function tell(issues: readonly Issue[]): { message: string; field: string | null } {
  const shown = issues.slice(0, 10).map(({ path, text }) => (path === "" ? text : `${path}: ${text}`).slice(0, 300));
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "";
  return { message: shown.join("; ") + more, field: cut(issues[0]?.path || null) };
}

/** A name that the caller chose, a key of metadata say, may be as long as the request. */
function cut<Text extends string | null>(text: Text): Text | string {
  return text !== null && text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
