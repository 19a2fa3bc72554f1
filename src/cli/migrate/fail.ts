import { OperatorError } from "../../errors.ts";
import { createLog } from "../../observability/index.ts";
import { exitCodeOf, operatorMessage, UsageError } from "../failure.ts";
import { printJson } from "../json.ts";

/** Prints the error of a command that threw, with `--json` also in place of its result, and sets the exit code. */
export function failWith(error: unknown, { json }: { json?: boolean | undefined }): void {
  if (json) printJson({ error });
  printError(error);
  process.exitCode ||= exitCodeOf(error);
}

/** Prints an error on standard error: as text on a terminal, otherwise as one line of the log. */
export function printError(error: unknown): void {
  const text = operatorMessage(error);
  if (process.stderr.isTTY || error instanceof UsageError) console.error(text ?? error);
  else {
    const log = createLog({ level: "error", destination: process.stderr });
    log.error(text === undefined ? { err: error } : placeOf(error), text ?? "failed");
  }
}

function placeOf(error: unknown): object {
  if (!(error instanceof OperatorError)) return {};
  // The message already contains the detail and the hint.
  const { detail: _, hint: __, ...place } = error.details;
  return place;
}
