import { OperatorError } from "../../errors.ts";
import { createLog } from "../../observability/index.ts";
import { exitCodeOf, operatorMessage, UsageError } from "../failure.ts";
import { printJson } from "../json.ts";

/** Ends a command that threw: whoever parses its result finds the error in its place. */
export function failWith(error: unknown, { json }: { json?: boolean | undefined }): void {
  if (json) printJson({ error });
  complain(error);
  process.exitCode ||= exitCodeOf(error);
}

/** Says what went wrong on standard error: in words to a person, as one line of the log to everybody else. */
export function complain(error: unknown): void {
  const text = operatorMessage(error);
  if (process.stderr.isTTY || error instanceof UsageError) console.error(text ?? error);
  else {
    const log = createLog({ level: "error", destination: process.stderr });
    log.error(text === undefined ? { err: error } : placeOf(error), text ?? "failed");
  }
}

function placeOf(error: unknown): object {
  if (!(error instanceof OperatorError)) return {};
  // Their texts are part of the message.
  const { detail: _, hint: __, ...place } = error.details;
  return place;
}
