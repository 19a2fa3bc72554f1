import type { TRPC_ERROR_CODE_KEY, TRPCError } from "@trpc/server";
import { DomainError, InsufficientAuthenticationError, type MissingAuthentication, RetryableError } from "../errors.ts";

/** The `data` of an error that a client receives. */
export interface ErrorData {
  /** tRPC's name of the error: `CONFLICT`, `NOT_FOUND`, … */
  readonly code: TRPC_ERROR_CODE_KEY;
  readonly httpStatus: number;
  /** The procedure, such as `users.create`. */
  readonly path: string | null;
  /** The path of the input field at fault, such as `where.status`; null if no field is at fault. */
  readonly field: string | null;
  /** Identifies the request in the service's log. */
  readonly requestId: string | null;
  /** The time in seconds after which the same call may succeed; null if repeating it does not help. */
  readonly retryAfter: number | null;
  /** What the caller must do before the same call is admitted: authenticate again, change the password, enrol a factor. */
  readonly reason: MissingAuthentication | null;
}

/** Longest field or message of a domain error (characters), and number and length of listed validation issues. */
const maxLength = 500;
const maxIssues = 10;
const maxIssueLength = 300;

/** Returns what a client may read of an error: only texts that were written for clients. */
export function publicError(
  error: TRPCError,
  requestId: string | null,
): Pick<ErrorData, "field" | "retryAfter" | "reason"> & { message: string } {
  const { cause } = error;
  const none = { field: null, retryAfter: null, reason: null };
  if (cause instanceof DomainError) {
    const retryAfter = cause instanceof RetryableError ? cause.retryAfter : null;
    const reason = cause instanceof InsufficientAuthenticationError ? cause.reason : null;
    return { message: truncate(cause.message), field: truncateField(cause.field), retryAfter, reason };
  }
  const issues = validationIssues(cause);
  if (issues !== undefined) return { ...none, ...describeIssues(issues) };
  return { ...none, message: messageOf(error, requestId) };
}

function messageOf({ code, message, cause }: TRPCError, requestId: string | null): string {
  if (code === "INTERNAL_SERVER_ERROR") {
    return `An internal error occurred. The service's log has it under request ${requestId ?? "(unknown)"}.`;
  }
  // tRPC's own errors have no cause. A cause comes from the engine or a library, and its text may hold data.
  return cause === undefined ? message : "The request could not be read.";
}

interface ValidationIssue {
  readonly path: string;
  readonly text: string;
}

/** The issues of a zod error; undefined for any other error. */
function validationIssues(cause: unknown): ValidationIssue[] | undefined {
  if (!(cause instanceof Error) || !("issues" in cause) || !Array.isArray(cause.issues)) return undefined;
  return cause.issues.flatMap(({ path, message, keys }: { path: PropertyKey[]; message: string; keys?: string[] }) =>
    // The path of an unknown key is that of its object: the key itself is at fault.
    keys === undefined ? issue(path, message) : keys.map((key) => issue([...path, key], "is not known here")),
  );
}

const issue = (path: readonly PropertyKey[], text: string): ValidationIssue => ({
  path: path.map(String).join("."),
  text,
});

function describeIssues(issues: readonly ValidationIssue[]): { message: string; field: string | null } {
  const shown = issues
    .slice(0, maxIssues)
    .map(({ path, text }) => (path === "" ? text : `${path}: ${text}`).slice(0, maxIssueLength));
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "";
  return { message: shown.join("; ") + more, field: truncateField(issues[0]?.path) };
}

const truncateField = (field: string | undefined): string | null => (field ? truncate(field) : null);

/** A key that the client chose, for example in metadata, can be as long as the request. */
function truncate(text: string): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}
