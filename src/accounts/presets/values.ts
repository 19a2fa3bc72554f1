import { markInexactNumbers } from "../../json/index.ts";

/** An account as another system has it: texts of CSV, or values of JSON. */
export type SourceRow = Readonly<Record<string, unknown>>;

/** A text that is not empty; of MongoDB's extended JSON what is in it. */
export function sourceText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "object" || value === null) return undefined;
  const { $oid, $date } = value as { $oid?: unknown; $date?: unknown };
  const inner = $oid ?? $date;
  if (typeof inner !== "object" || inner === null) return sourceText(inner);
  return sourceText((inner as { $numberLong?: unknown }).$numberLong);
}

/** Yes or no, as programs and databases write it; anything else as it is, for the rule to refuse. */
export function bool(value: unknown): unknown {
  if (value === undefined || value === null || value === "") return undefined;
  const word = String(value).toLowerCase();
  if (["true", "t", "1", "yes"].includes(word)) return true;
  return ["false", "f", "0", "no"].includes(word) ? false : value;
}

/**
 * A time: a number is of seconds or milliseconds since 1970; a text without a zone is in UTC, because that is what these
 * systems keep. No time at all: 0 and 0000-00-00.
 */
export function momentOf(value: unknown): string | undefined {
  const text = sourceText(value);
  if (text === undefined || text === "0" || text.startsWith("0000-00-00")) return undefined;
  if (/^\d{9,14}(\.\d+)?$/.test(text)) {
    // Until 5138 seconds have 11 digits; milliseconds have 12 since 1973.
    const number = Number(text);
    const date = new Date(number < 1e11 ? number * 1_000 : number);
    return Number.isNaN(date.getTime()) ? text : date.toISOString();
  }
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text;
}

/** An object, or the object that a text is; a text that is none stays one. */
export function jsonOf(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(markInexactNumbers(value));
  } catch {
    return value;
  }
}

/** Whether it says nothing: no, zero and empty are what a system writes of every account. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false || value === 0) return true;
  if (["false", "f", "0", "FALSE", "{}", "[]"].includes(value as string)) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Base64 as PHC writes it: standard, without `=`. */
export const bareBase64 = (text: unknown): string =>
  String(text ?? "")
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/=+$/, "");
