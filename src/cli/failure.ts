import { CommanderError } from "commander";
import { OperatorError } from "../errors.ts";
import { printJson } from "./json.ts";

/** The command was called in a way that it does not know. */
export class UsageError extends OperatorError {}

/** Ends a command that failed: one clear text for what a user can mend, everything for what we must. */
export async function fail(error: unknown): Promise<void> {
  if (error instanceof CommanderError) return refuse(error);
  process.exitCode = exitCodeOf(error);
  const text = textForUsers(error);
  if (text !== undefined) return console.error(text);
  // Loaded only now: a command that succeeds does not wait for it.
  const [{ toDomainError }, { describeError }] = await Promise.all([
    import("../database/index.ts"),
    import("../observability/index.ts"),
  ]);
  // Not as it is: a failed query quotes its parameters, of an import hashes.
  console.error(toDomainError(error)?.message ?? describeError(error));
}

/** commander has said it on standard error, and `--help`, which ends like a failure, is none. */
function refuse({ exitCode, message }: CommanderError): void {
  if (exitCode === 0) return;
  const usage = new UsageError(message.replace(/^error: /, ""));
  // Whoever parses the answer gets one, although no option was parsed.
  if (process.argv.includes("--json")) printJson({ error: usage });
  process.exitCode = exitCodeOf(usage);
}

/** A call that is wrong is no answer: 1 is one of `migrate status`. */
export const exitCodeOf = (error: unknown) => (error instanceof UsageError ? 2 : 1);

const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "is not yours to read or write",
  EISDIR: "is a folder, and not a file",
};

/** What a user can mend, in words; undefined for what we must. */
export function textForUsers(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("syscall" in error && error.syscall === "listen") {
    return `${error.message}: set another PORT or HOST, or stop what listens there.`;
  }
  if (error instanceof OperatorError) return error.message;
  if (!("syscall" in error)) return undefined;
  const text = "code" in error ? fileFaults[String(error.code)] : undefined;
  // Of another file, or a pipe, the message says what is wrong with which.
  return text !== undefined && "path" in error ? `${error.path}: ${text}` : error.message;
}
