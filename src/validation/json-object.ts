import { z } from "zod";
import { inexactNumber } from "../json/index.ts";

/**
 * Schema of a JSON object of limited size. The message for a number that JavaScript does not hold exactly names its path.
 *
 * @param maxBytes largest size of the JSON text (bytes)
 */
export function jsonObject(maxBytes: number) {
  return z
    .custom<Record<string, unknown>>(isJsonObject, "must be an object of JSON values: no undefined, no Date")
    .superRefine((value, context) => {
      const issue = findInexactNumber(value, []);
      if (issue !== undefined) context.addIssue({ code: "custom", ...issue });
      // The received form is measured first: it is bounded by the request, and the other form may be much longer.
      else if ([undefined, withoutExponent].some((by) => Buffer.byteLength(JSON.stringify(value, by)) > maxBytes))
        context.addIssue({
          code: "custom",
          message: `must be at most ${maxBytes} bytes of JSON, numbers written without an exponent`,
        });
    });
}

/** A text as long as the number without an exponent: PostgreSQL returns 1e300 with 301 digits. */
function withoutExponent(_: string, value: unknown): unknown {
  if (typeof value !== "number" || !String(value).includes("e")) return value;
  const [digits = "", exponent] = String(value).split("e");
  return "0".repeat(digits.length + Math.abs(Number(exponent)));
}

function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value, 0);
}

/** Deepest nesting that the recursion follows. The check constraints of the tables accept 32 levels. */
const maxDepth = 64;

function isJson(value: unknown, depth: number): boolean {
  if (value === null || ["string", "boolean", "number"].includes(typeof value)) return true;
  if (typeof value !== "object" || value instanceof Date || depth > maxDepth) return false;
  return Object.values(value).every((part) => isJson(part, depth + 1));
}

/** The first number that jsonb would return as another value. */
function findInexactNumber(value: unknown, path: readonly string[]): { path: string[]; message: string } | undefined {
  if (typeof value === "number") {
    if (Object.is(value, -0))
      return { path: [...path], message: "must not be -0, which PostgreSQL does not have: send 0" };
    return Number.isFinite(value) ? undefined : { path: [...path], message: inexactNumber };
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const key of Object.keys(value)) {
    const issue = findInexactNumber((value as Record<string, unknown>)[key], [...path, key]);
    if (issue !== undefined) return issue;
  }
  return undefined;
}
