import type { Report } from "../../migrator/index.ts";
import { printJson } from "../json.ts";
import { printError } from "./fail.ts";

/**
 * Prints the result and the error of a command, and sets the exit code. When the command has logged its steps, the
 * result is printed only on a terminal and as JSON.
 */
export function finish(report: Report, options: { json?: boolean | undefined; text: string; logged: boolean }): void {
  if (options.json) printJson(report);
  else if (process.stdout.isTTY || !options.logged) console.log(options.text);
  if (report.error === undefined) {
    // A signal that arrives after the last step sets another exit code, although the command succeeds.
    process.exitCode = 0;
    return;
  }
  printError(report.error);
  process.exitCode ||= 1;
}

/** Counts the results by outcome, such as `2 applied, 1 failed`. */
export function count(report: Report): string {
  const counts = new Map<string, number>();
  for (const { outcome } of report.results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, number]) => `${number} ${outcome}`).join(", ");
}
