import type { Report } from "../../migrator/index.ts";
import { printJson } from "../json.ts";
import { complain } from "./fail.ts";

/** What every command ends with: its result, unless the log has told it step by step, its error, its exit code. */
export function finish(report: Report, options: { json?: boolean | undefined; text: string; logged: boolean }): void {
  if (options.json) printJson(report);
  else if (process.stdout.isTTY || !options.logged) console.log(options.text);
  if (report.error === undefined) {
    // All was done: it may have been told to stop, but too late.
    process.exitCode = 0;
    return;
  }
  complain(report.error);
  process.exitCode ||= 1;
}

/** `2 applied`, `1 failed`: how many came out how. */
export function count(report: Report): string {
  const counts = new Map<string, number>();
  for (const { outcome } of report.results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, number]) => `${number} ${outcome}`).join(", ");
}
