import { ConflictError, DomainError, InvalidInputError, UnavailableError } from "../errors.ts";
import { usersConstraints } from "../schema/index.ts";
import { isUnpartitioned, unpartitioned } from "./audit-partitions.ts";
import { codeOf, isLostRace, isUnavailable } from "./retry.ts";

/** What a broken constraint means to the caller: the field at fault, and the remedy. */
const constraints: Readonly<Record<string, { field?: string; message: string }>> = {
  [usersConstraints.emailExact]: { field: "email", message: "This email is taken." },
  [usersConstraints.email]: { field: "email", message: "This email is taken." },
  [usersConstraints.usernameExact]: { field: "username", message: "This username is taken." },
  [usersConstraints.username]: { field: "username", message: "This username is taken." },
  [usersConstraints.status]: { field: "status", message: "Unknown status." },
  [usersConstraints.role]: { field: "role", message: "Unknown role." },
  [usersConstraints.passwordHash]: {
    field: "passwordHash",
    message: "Must be a password hash, such as $argon2id$…; never a password.",
  },
  [usersConstraints.metadataKeys]: {
    field: "metadata",
    message: "Must not have the keys __proto__, constructor or prototype.",
  },
  [usersConstraints.metadataDepth]: { field: "metadata", message: "Must not nest deeper than 32 levels." },
  [usersConstraints.metadataSize]: { field: "metadata", message: "Must be smaller." },
  [usersConstraints.metadataNumbers]: {
    field: "metadata",
    message: "Must have numbers that JavaScript holds exactly: write others as texts.",
  },
  [usersConstraints.emailForm]: { field: "email", message: "Must be an email address." },
  [usersConstraints.usernameForm]: {
    field: "username",
    message: "Must be 3 to 50 letters, digits, hyphens or underscores.",
  },
  [usersConstraints.lastAdmin]: {
    field: "role",
    message: "This is the last active administrator: appoint another one first.",
  },
  audit_log_changes_check: { field: "changes", message: "Must be a JSON object." },
  audit_log_changes_keys_check: {
    field: "changes",
    message: "Must not have the keys __proto__, constructor or prototype.",
  },
  audit_log_changes_depth_check: { field: "changes", message: "Must not nest deeper than 34 levels." },
  [usersConstraints.metadata]: { field: "metadata", message: "Must be a JSON object." },
  ...Object.fromEntries(
    ["users", "user_security", "user_sessions", "audit_log"].map((table) => [
      `${table}_times_check`,
      { message: "A time must lie in the years 1 to 9999." },
    ]),
  ),
};

/**
 * Turns an error of the database into the domain's word for it, by SQLSTATE first and constraint
 * name second (PostgreSQL manual, appendix A). Undefined: an error that nobody foresaw.
 */
export function toDomainError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const known = constraints[constraintOf(error)];
  const options = { field: known?.field, cause: error };

  if (code === "23505")
    return new ConflictError(known?.message ?? "Something with this name or key is there already.", options);
  // restrict_violation: something must stay as it is for the sake of something else.
  if (code === "23001") return new ConflictError(known?.message ?? "Something else depends on it.", options);
  if (isUnpartitioned(error)) return unpartitioned(error);
  if (code === "23514") return new InvalidInputError(known?.message ?? "A value breaks a rule of the table.", options);
  if (code === "23503") return new InvalidInputError("It refers to something that does not exist (any more).", options);
  if (code === "23502") return new InvalidInputError("A required value is missing.", options);
  if (code.startsWith("22")) return new InvalidInputError("A value has the wrong form, or is too long.", options);
  if (isUnavailable(error) || isLostRace(error)) {
    return new UnavailableError("The database cannot answer just now. Try again in a few seconds.", { cause: error });
  }
  return undefined;
}

/** The name of the constraint that was broken; a sharded table appends the shard's number to it. */
function constraintOf(error: unknown): string {
  for (const candidate of [error, error instanceof Error ? error.cause : undefined]) {
    if (candidate instanceof Error && "constraint_name" in candidate) {
      return String(candidate.constraint_name).replace(/_\d{6,}$/, "");
    }
  }
  return "";
}
