import { ConflictError, DomainError, InvalidInputError, UnavailableError } from "../errors.ts";
import { constraintMessages } from "../schema/index.ts";
import { isMissingPartition, missingPartitionError } from "./audit-partitions.ts";
import { codeOf, isTransactionConflict, isUnavailable } from "./error-code.ts";
import { sqlstate, sqlstateClass } from "./sqlstate.ts";

/**
 * Translates an error of the database into a domain error, by SQLSTATE first and constraint name second (PostgreSQL
 * manual, appendix A). Returns undefined for an unexpected error.
 */
export function toDomainError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  const code = codeOf(error);
  if (code === undefined) return undefined;
  if (isMissingPartition(error)) return missingPartitionError(error);
  const known = constraintMessages[constraintOf(error)];
  const options = { field: known?.field, cause: error };
  if (conflictMessages.has(code)) return new ConflictError(known?.message ?? conflictMessages.get(code) ?? "", options);
  if (code === sqlstate.checkViolation)
    return new InvalidInputError(known?.message ?? "A value violates a rule of the table.", options);
  const invalid = code.startsWith(sqlstateClass.dataException) ? dataExceptionMessage : invalidInputMessages.get(code);
  if (invalid !== undefined) return new InvalidInputError(invalid, options);
  if (isUnavailable(error) || isTransactionConflict(error)) {
    return new UnavailableError("The database cannot answer now. Try again in a few seconds.", { cause: error });
  }
  return undefined;
}

/** Used where the constraint has no message of its own. */
const conflictMessages: ReadonlyMap<string, string> = new Map([
  [sqlstate.uniqueViolation, "An entry with this name or key exists already."],
  [sqlstate.restrictViolation, "Something else depends on it."],
]);

const invalidInputMessages: ReadonlyMap<string, string> = new Map([
  [sqlstate.foreignKeyViolation, "It refers to something that does not exist, or no longer exists."],
  [sqlstate.notNullViolation, "A required value is missing."],
]);

const dataExceptionMessage = "A value has the wrong form, or is too long.";

/** Returns the name of the violated constraint. Citus appends the number of the shard, which is removed. */
function constraintOf(error: unknown): string {
  for (const candidate of [error, error instanceof Error ? error.cause : undefined]) {
    if (candidate instanceof Error && "constraint_name" in candidate) {
      return String(candidate.constraint_name).replace(/_\d{6,}$/, "");
    }
  }
  return "";
}
