import { DomainError } from "../errors.ts";
import { sqlstate, sqlstateClass } from "./sqlstate.ts";

/** Conditions after which the whole transaction can be repeated (PostgreSQL manual, 13.5). */
const conflicts: ReadonlySet<string> = new Set([sqlstate.serializationFailure, sqlstate.deadlockDetected]);

/** Conditions that pass: the server starts, stops, is a standby, or a timeout expired. */
const temporaryConditions: ReadonlySet<string> = new Set([
  sqlstate.adminShutdown,
  sqlstate.crashShutdown,
  sqlstate.cannotConnectNow,
  sqlstate.idleSessionTimeout,
  sqlstate.queryCanceled,
  sqlstate.lockNotAvailable,
  sqlstate.readOnlySqlTransaction,
  sqlstate.idleInTransactionSessionTimeout,
]);

/** Codes of Node and postgres.js for a connection that was not established or was lost. */
const connectionFailures: ReadonlySet<string> = new Set([
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

/** The SQLSTATE or connection error code of an error, or of the error that Drizzle wrapped. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof DomainError) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  // A host with several addresses fails with an AggregateError that holds one error per address.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return codeOf(error.cause);
}

/** Whether the transaction failed because of another one and may succeed when it is repeated from its start. */
export const isTransactionConflict = (error: unknown): boolean =>
  conflicts.has(codeOf(error) ?? "") || hasLostPlan(error);

/** Whether a prepared statement lost its plan, as after ALTER TABLE: the patched driver sets `plan_lost`. */
function hasLostPlan(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("plan_lost" in error && error.plan_lost === true) || hasLostPlan(error.cause);
}

/** Whether the database is unreachable or overloaded, so that the same call may succeed later. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return false;
  if (code === "ENOENT") return isConnectFailure(error);
  if (code === sqlstate.protocolViolation) return !isRefusedByPooler(error);
  return (
    temporaryConditions.has(code) ||
    connectionFailures.has(code) ||
    code.startsWith(sqlstateClass.connectionException) ||
    code.startsWith(sqlstateClass.insufficientResources)
  );
}

/**
 * Whether PgBouncer refuses the connection permanently. It reports every error of its own as 08P01: a lost server, no
 * free connection, and also a setting, user or database that it does not know.
 */
function isRefusedByPooler(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /unsupported|authentication failed|no such (user|database)|not allowed|config error/.test(error.message) ||
    isRefusedByPooler(error.cause)
  );
}

/** Whether ENOENT means a missing Unix socket, as during a restart of the server, and not another missing file. */
function isConnectFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "syscall" in error ? error.syscall === "connect" : isConnectFailure(error.cause);
}
