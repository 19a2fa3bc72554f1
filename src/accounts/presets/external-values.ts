import { markInexactNumbers } from "../../json/index.ts";
import { parseBoolean } from "../fields/field-values.ts";

/** A scalar as text; undefined for an empty text, an object or no value. Extended JSON of MongoDB yields its inner value. */
export function toText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "object" || value === null) return undefined;
  const { $oid, $date } = value as { $oid?: unknown; $date?: unknown };
  const inner = $oid ?? $date;
  if (typeof inner !== "object" || inner === null) return toText(inner);
  return toText((inner as { $numberLong?: unknown }).$numberLong);
}

/** A boolean in one of the usual spellings; undefined for no value. Any other value is returned as is, for validation to refuse. */
export function toBoolean(value: unknown): unknown {
  if (value === undefined || value === null || value === "") return undefined;
  return parseBoolean(String(value)) ?? value;
}

/**
 * A time with its zone. A number is seconds or milliseconds since 1970. A text without a zone is in UTC, as these
 * systems store it. The values 0 and 0000-00-00 mean no time.
 */
export function toTimestamp(value: unknown): string | undefined {
  const text = toText(value);
  if (text === undefined || text === "0" || text.startsWith("0000-00-00")) return undefined;
  if (/^\d{9,14}(\.\d+)?$/.test(text)) return fromEpoch(Number(text)) ?? text;
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text;
}

function fromEpoch(number: number): string | undefined {
  // Seconds have at most 11 digits until the year 5138; milliseconds have 12 or more since 1973.
  const date = new Date(number < 1e11 ? number * 1_000 : number);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** The JSON value of a text. A text that is not JSON, and a value that is not a text, are returned as they are. */
export function parseJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(markInexactNumbers(value));
  } catch {
    return value;
  }
}

/** Whether a value is a default that systems write for every account, such as false, 0 or an empty object. */
export function isEmptyValue(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false || value === 0) return true;
  if (["false", "f", "0", "FALSE", "{}", "[]"].includes(value as string)) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Base64 as the PHC string format requires it: the standard alphabet, without padding. */
export const toUnpaddedBase64 = (text: unknown): string =>
  String(text ?? "")
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/=+$/, "");
