import { failureReason } from "./failure.ts";
import { printJson } from "./json.ts";

/**
 * Runs a command, and prints what it returns on standard output: as text, or as JSON. With JSON also a failure is printed
 * there, and the error is thrown again.
 */
export async function printResult<Result extends object>(
  work: () => Promise<Result>,
  { json, textOf }: { readonly json: boolean; readonly textOf: (result: Result) => string },
): Promise<void> {
  try {
    const result = await work();
    if (json) printJson(result);
    else console.log(textOf(result));
  } catch (error) {
    // The one who has stopped a command expects no result.
    if (json && process.exitCode === undefined) {
      const name = error instanceof Error ? error.name : "Error";
      printJson({ error: { name, message: await failureReason(error) } });
    }
    throw error;
  }
}

/** Lines of a name and a value each, the values below each other. Null is a hyphen, a time is ISO 8601. */
export function fieldLines(fields: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(fields).map(({ length }) => length));
  return Object.entries(fields)
    .map(([name, value]) => `${name.padEnd(width)}  ${fieldText(value)}`)
    .join("\n");
}

/** A table with a header; null is a hyphen, a time is ISO 8601. */
export function tableText(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => fieldText(row[column])))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function fieldText(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (value instanceof Date) return value.toISOString();
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

/** A text of a client without the characters that a terminal interprets. */
export const visible = (text: string): string => text.replace(/\p{Cc}/gu, "\u{fffd}");
