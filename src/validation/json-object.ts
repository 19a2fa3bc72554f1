import { z } from "zod";
import { inexactNumber } from "../json/index.ts";

/**
 * A JSON object of a bounded size. A number that would not come back as it was is refused by its path; whatever else is
 * wrong inside has one message.
 *
 * @param most bytes of JSON
 */
export function jsonObject(most: number) {
  return z
    .custom<Record<string, unknown>>(isJsonObject, "must be an object of JSON values: no undefined, no Date")
    .superRefine((value, context) => {
      const number = inexactIn(value, []);
      if (number !== undefined) context.addIssue({ code: "custom", ...number });
      // As it came first: that is quick, whatever a caller sends.
      else if ([undefined, writtenOut].some((by) => Buffer.byteLength(JSON.stringify(value, by)) > most))
        context.addIssue({
          code: "custom",
          message: `must be at most ${most} bytes of JSON, numbers written without an exponent`,
        });
    });
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
  if (value === null || ["string", "boolean", "number"].includes(typeof value)) return true;
  if (typeof value !== "object" || value instanceof Date || depth > deepest) return false;
  return Object.values(value).every((part) => isJson(part, depth + 1));
}

/** The first number that jsonb would give back as another value. */
function inexactIn(value: unknown, path: readonly string[]): { path: string[]; message: string } | undefined {
  if (typeof value === "number") {
    if (Object.is(value, -0))
      return { path: [...path], message: "must not be -0, which PostgreSQL has none of: send 0" };
    return Number.isFinite(value) ? undefined : { path: [...path], message: inexactNumber };
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const key of Object.keys(value)) {
    const found = inexactIn((value as Record<string, unknown>)[key], [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
