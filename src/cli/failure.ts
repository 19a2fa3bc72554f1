import { CommanderError } from "commander";
import { OperatorError } from "../errors.ts";
import { printJson } from "./json.ts";

/** Arguments or a situation in which a command does not run. The exit code is 2. */
export class UsageError extends OperatorError {}

/** Prints why a command failed, and sets the exit code. Text that may contain values of a query is never printed. */
export async function fail(error: unknown): Promise<void> {
  if (error instanceof CommanderError) return failUsage(error);
  process.exitCode = exitCodeOf(error);
  const message = operatorMessage(error);
  if (message !== undefined) return console.error(message);
  // Imported here, so that a command without an error does not load these parts.
  const [{ toDomainError }, { describeError }] = await Promise.all([
    import("../database/index.ts"),
    import("../observability/index.ts"),
  ]);
  // The message of a failed query contains its parameters, such as password hashes.
  console.error(toDomainError(error)?.message ?? describeError(error));
}

/** commander has printed the message already. `--help` and `--version` end with exit code 0. */
function failUsage({ exitCode, message }: CommanderError): void {
  if (exitCode === 0) return;
  const usage = new UsageError(message.replace(/^error: /, ""));
  // The options are not parsed, but a program that passes --json expects JSON on standard output.
  if (process.argv.includes("--json")) printJson({ error: usage });
  process.exitCode = exitCodeOf(usage);
}

/** 2 for a usage error; 1 for any other error, and for a negative answer such as that of `migrate status`. */
export const exitCodeOf = (error: unknown) => (error instanceof UsageError ? 2 : 1);

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EISDIR: "is a folder, not a file",
};

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
