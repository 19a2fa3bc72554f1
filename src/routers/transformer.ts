import superjson, { type SuperJSONResult, type SuperJSONValue } from "superjson";
import { InvalidInputError } from "../errors.ts";
import { inexactNumber } from "../json/index.ts";

/** Levels of arrays and objects that an input may nest, and values that it may hold. */
const depthLimit = 32;
const valueLimit = 100_000;

/** Keys that would reach an object's prototype: superjson refuses to carry them, and so do the tables. */
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Annotations that an input may carry, and what each stands on. The others make things that no input is. */
const annotations: Readonly<Record<string, (value: unknown) => boolean>> = {
  Date: (value) => typeof value === "string",
  number: (value) => value === "-0",
  undefined: (value) => value === null,
};

/**
 * What a caller sent, as values: superjson's form, `{"json": …}`, with dates annotated as such.
 *
 * What callers send is theirs, and superjson trusts it: an annotation can fill memory by naming an
 * element far behind an array's end, double an object with each of its references, or put a function
 * where a text should be. So the JSON is looked over first, bounded in depth and number, and only
 * annotations that fit the values they name come through.
 *
 * @throws {InvalidInputError} naming the field at fault
 */
export function deserialize(input: unknown): unknown {
  if (!isObject(input) || !Object.hasOwn(input, "json"))
    throw new InvalidInputError('The input must be in superjson\'s form: {"json": <input>}.');
  const { json, meta } = input;
  requireSound(json);
  if (meta === undefined) return json;
  const values = isObject(meta) ? meta["values"] : undefined;
  requireAnnotations(json, values);
  try {
    return superjson.deserialize({ json, meta: { values, v: 1 } } as SuperJSONResult);
  } catch {
    // A path that it does not read, say.
    throw notAnnotations();
  }
}

const notAnnotations = () => new InvalidInputError("The input's annotations are not superjson's.");

/** An answer in superjson's form. */
export const serialize = (value: unknown): SuperJSONResult => superjson.serialize(value as SuperJSONValue);

/** @throws {InvalidInputError} when an annotation is of no known kind, or names a value that is not there or not of that kind */
function requireAnnotations(json: unknown, values: unknown): void {
  if (values === undefined) return;
  if (Array.isArray(values)) requireAnnotation(json, "", values);
  else if (!isObject(values)) throw notAnnotations();
  else
    for (const [path, annotation] of Object.entries(values)) requireAnnotation(valueAt(json, path), path, annotation);
}

function requireAnnotation(value: unknown, path: string, annotation: unknown): void {
  const [kind] = Array.isArray(annotation) && annotation.length === 1 ? annotation : [];
  if (typeof kind !== "string" || !Object.hasOwn(annotations, kind) || annotations[kind]?.(value) !== true) {
    throw refusal(path, "no input holds a value of this kind");
  }
}

/** The value at a path of superjson's; undefined, which JSON has none of, where there is none. */
function valueAt(json: unknown, path: string): unknown {
  let value = json;
  for (const key of keysOf(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** superjson writes dots between the keys of a path, and a backslash before a dot or a backslash of a key. */
function keysOf(path: string): string[] {
  return path.split(/(?<!(?<!\\)(?:\\\\)*\\)\./).map((key) => key.replace(/\\(.)/g, "$1"));
}

/** Refuses what no input may hold, however deep it lies. A loop, because recursion is what a hostile input is after. */
function requireSound(json: unknown): void {
  const rest: { value: unknown; path: string; depth: number }[] = [{ value: json, path: "", depth: 0 }];
  let values = 0;
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, path, depth } = next;
    if (++values + rest.length > valueLimit)
      throw new InvalidInputError(`The input must not hold more than ${valueLimit} values.`);
    if (typeof value === "string") requireStorable(value, path);
    // What `markInexactNumbers` left of a number that no double holds.
    if (typeof value === "number" && !Number.isFinite(value)) throw refusal(path, inexactNumber);
    if (typeof value !== "object" || value === null) continue;
    if (depth === depthLimit) throw refusal(path, `must not nest deeper than ${depthLimit} levels`);
    for (const key in value) {
      if (forbiddenKeys.has(key)) throw refusal(path, `must not have the key ${key}`);
      requireStorable(key, path);
      rest.push({
        value: (value as Record<string, unknown>)[key],
        path: path === "" ? key : `${path}.${key}`,
        depth: depth + 1,
      });
      if (values + rest.length > valueLimit) break;
    }
  }
}

/** PostgreSQL's text holds neither U+0000 nor half a surrogate pair (manual, 8.14). */
function requireStorable(text: string, path: string): void {
  if (text.includes("\0")) throw refusal(path, "must not contain the character U+0000");
  if (!text.isWellFormed()) throw refusal(path, "must not contain an unpaired surrogate");
}

function refusal(path: string, text: string): InvalidInputError {
  return path === "" ? new InvalidInputError(text) : new InvalidInputError(`${path}: ${text}`, { field: path });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
