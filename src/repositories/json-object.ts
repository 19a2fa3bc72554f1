import { z } from "zod";

/**
 * A JSON object of a bounded size, as one rule with one message: whatever is wrong inside is the caller's to find.
 *
 * @param most bytes of JSON
 */
export function jsonObject(most: number) {
  return z
    .custom<Record<string, unknown>>(isJsonObject, "must be an object of JSON values: no undefined, no Date")
    .refine(
      // As it came first: that is quick, whatever a caller sends.
      (value) => [undefined, writtenOut].every((by) => Buffer.byteLength(JSON.stringify(value, by)) <= most),
      `must be at most ${most} bytes of JSON, numbers written without an exponent`,
    );
}

/** PostgreSQL gives 1e300 back as 301 digits: a few bytes would become many each time that they are read. */
function writtenOut(_: string, value: unknown): unknown {
  if (typeof value !== "number" || !String(value).includes("e")) return value;
  const [digits = "", exponent] = String(value).split("e");
  return "0".repeat(digits.length + Math.abs(Number(exponent)));
}

function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value, 0);
}

/** Deeper than anybody's data, and not too deep to recurse: the tables take 32 levels. */
const deepest = 64;

function isJson(value: unknown, depth: number): boolean {
  if (value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value)) return true;
  if (typeof value !== "object" || value instanceof Date || depth > deepest) return false;
  return Object.values(value).every((part) => isJson(part, depth + 1));
}
