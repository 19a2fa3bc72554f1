import { InvalidInputError } from "../errors.ts";
import { inexactNumber } from "../json/index.ts";

/** Levels of arrays and objects that an input may nest, and the number of values that it may hold. */
const maxDepth = 32;
const maxValues = 100_000;

/** Keys that reach an object's prototype. superjson refuses them, and so do the constraints of the tables. */
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Validates the JSON of an input, before superjson and zod read it: its depth and number of values, keys that reach a
 * prototype, texts that PostgreSQL cannot store, and numbers that a double cannot hold. The traversal is a loop:
 * recursion would exhaust the stack on hostile input.
 *
 * @throws {InvalidInputError} with the path of the field at fault
 */
export function checkInputLimits(json: unknown): void {
  const pending: { value: unknown; path: string; depth: number }[] = [{ value: json, path: "", depth: 0 }];
  let values = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, path, depth } = next;
    if (++values + pending.length > maxValues)
      throw new InvalidInputError(`The input must not hold more than ${maxValues} values.`);
    if (typeof value === "string") checkText(value, path);
    // `markInexactNumbers` has replaced a number that no double holds by an infinite one.
    if (typeof value === "number" && !Number.isFinite(value)) throw invalidField(path, inexactNumber);
    if (typeof value !== "object" || value === null) continue;
    if (depth === maxDepth) throw invalidField(path, `must not nest deeper than ${maxDepth} levels`);
    for (const key in value) {
      if (forbiddenKeys.has(key)) throw invalidField(path, `must not have the key ${key}`);
      checkText(key, path);
      pending.push({
        value: (value as Record<string, unknown>)[key],
        path: path === "" ? key : `${path}.${key}`,
        depth: depth + 1,
      });
      if (values + pending.length > maxValues) break;
    }
  }
}

/** PostgreSQL's text holds neither U+0000 nor an unpaired surrogate (manual, section 8.14). */
function checkText(text: string, path: string): void {
  if (text.includes("\0")) throw invalidField(path, "must not contain the character U+0000");
  if (!text.isWellFormed()) throw invalidField(path, "must not contain an unpaired surrogate");
}

/** The error of one field, or of the whole input if `path` is empty. */
export function invalidField(path: string, text: string): InvalidInputError {
  return path === "" ? new InvalidInputError(text) : new InvalidInputError(`${path}: ${text}`, { field: path });
}
