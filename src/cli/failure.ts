import { CommanderError } from "commander";
import { InvalidInputError, OperatorError, UnavailableError } from "../errors.ts";
import { printJson } from "./json.ts";

/** Arguments or a situation in which a command does not run. The exit code is 2. */
export class UsageError extends OperatorError {}

/**
 * Prints why a command failed, and sets the exit code unless a signal has. Text that may contain values of a query is never
 * printed.
 */
export async function fail(error: unknown): Promise<void> {
  if (error instanceof CommanderError) return failUsage(error);
  // The one who has stopped a command knows why it ended.
  if (process.exitCode !== undefined && error instanceof Error && error.name === "AbortError") return;
  process.exitCode ??= exitCodeOf(error);
  console.error(operatorMessage(error) ?? (await databaseMessage(error)));
}

/** Why a command failed, as one text: for a result in JSON. */
export async function failureReason(error: unknown): Promise<string> {
  const message = operatorMessage(error) ?? (await databaseMessage(error));
  return typeof message === "string" ? message : "The command failed: standard error says why.";
}

/** The message of an error of the database; of an error of the program, what a report of it needs. */
async function databaseMessage(error: unknown): Promise<string | object> {
  // Imported here, so that a command without an error does not load these parts.
  const [{ toDomainError }, { describeDatabaseError, describeError }] = await Promise.all([
    import("../database/index.ts"),
    import("../observability/index.ts"),
  ]);
  const known = toDomainError(error);
  // The message of a failed query contains its parameters, such as password hashes.
  const reported = describeDatabaseError(error);
  if (known instanceof UnavailableError && reported !== undefined)
    return `${known.message} PostgreSQL reported: ${reported}.`;
  if (known !== undefined) return known.message;
  return reported === undefined ? describeError(error) : `The database reported an error: ${reported}.`;
}

/** commander has printed the message already. `--help` and `--version` end with exit code 0. */
function failUsage({ exitCode, message }: CommanderError): void {
  if (exitCode === 0) return;
  const usage = new UsageError(message.replace(/^error: /, ""));
  // The options are not parsed, but a program that passes --json expects JSON on standard output.
  if (process.argv.includes("--json")) printJson({ error: usage });
  process.exitCode = exitCodeOf(usage);
}

/**
 * 2 for a usage error, also one that a lower part finds; 1 for any other error, and for a negative answer such as that of
 * `migrate status`.
 */
export const exitCodeOf = (error: unknown) =>
  error instanceof UsageError || error instanceof InvalidInputError ? 2 : 1;

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of its path is not a folder",
  EACCES: "permission denied",
  EISDIR: "is a folder, not a file",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
};

/**
 * Runs `access`, which reads or writes a file that an option names.
 *
 * @throws {UsageError} with the option and the file as they were given; Node's errors name another file, or none
 */
export function withNamedFile<T>(option: string, file: string, access: () => T): T {
  try {
    return access();
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
    const code = String(error.code);
    throw new UsageError(`${option} ${file}: ${fileErrors[code] ?? `cannot be used (${code})`}`, { cause: error });
  }
}

/** The message of an error that the operator can correct; undefined for an error of the program. */
export function operatorMessage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof OperatorError) return error.message;
  if (!("syscall" in error)) return undefined;
  if (error.syscall === "listen")
    return `${error.message}: set another PORT or HOST, or stop the program that listens there.`;
  const text = "code" in error ? fileErrors[String(error.code)] : undefined;
  // Messages of other system errors name the operation and the file.
  return text !== undefined && "path" in error ? `${error.path}: ${text}` : error.message;
}
