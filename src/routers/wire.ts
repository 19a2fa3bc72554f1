import superjson, { type SuperJSONResult, type SuperJSONValue } from "superjson";
import { Invalid } from "../errors.ts";

/** Levels of arrays and objects that an input may nest. */
const depthLimit = 32;

/** Keys that would reach an object's prototype: superjson refuses to carry them, and so do the tables. */
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Annotations that an input may carry. The others make things that no input is. */
const annotations = new Set<unknown>(["Date", "undefined"]);

/**
 * What a caller sent, as values: superjson's form, `{"json": …}`, with dates annotated as such.
 *
 * What callers send is theirs, and superjson trusts it: an annotation can fill memory by naming an
 * element far behind an array's end, double an object with each of its references, or put a function
 * where a text should be. So the JSON is looked over first, and only annotations of values that it
 * has come through.
 *
 * @throws {Invalid} naming the field at fault
 */
export function deserialize(input: unknown): unknown {
  if (!isObject(input) || !Object.hasOwn(input, "json"))
    throw new Invalid('The input must be in superjson\'s form: {"json": <input>}.');
  const { json, meta } = input;
  lookOver(json);
  if (meta === undefined) return json;
  const values = isObject(meta) ? meta["values"] : undefined;
  return superjson.deserialize({ json, meta: { values: admitted(json, values), v: 1 } } as SuperJSONResult);
}

/** An answer in superjson's form. */
export const serialize = (value: unknown): SuperJSONResult => superjson.serialize(value as SuperJSONValue);

function admitted(json: unknown, values: unknown): unknown {
  if (values === undefined) return undefined;
  if (Array.isArray(values)) return admit("", values);
  if (!isObject(values)) throw new Invalid("The input's annotations are not superjson's.");
  for (const [path, annotation] of Object.entries(values)) {
    admit(path, annotation);
    if (!exists(json, path)) throw new Invalid("An annotation of the input names a value that is not there.");
  }
  return values;
}

function admit(path: string, annotation: unknown): unknown {
  if (Array.isArray(annotation) && annotation.length === 1 && annotations.has(annotation[0])) return annotation;
  throw refusal(path, "no input holds a value of this kind");
}

function exists(json: unknown, path: string): boolean {
  let value = json;
  for (const key of keysOf(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
    value = (value as Record<string, unknown>)[key];
  }
  return true;
}

/** superjson writes dots between the keys of a path, and a backslash before a dot or a backslash of a key. */
function keysOf(path: string): string[] {
  return path.split(/(?<!(?<!\\)(?:\\\\)*\\)\./).map((key) => key.replace(/\\(.)/g, "$1"));
}

/** Refuses what no input may hold, however deep it lies. A loop, because recursion is what a hostile input is after. */
function lookOver(json: unknown): void {
  const rest: { value: unknown; path: string; depth: number }[] = [{ value: json, path: "", depth: 0 }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, path, depth } = next;
    if (typeof value === "string") requireStorable(value, path);
    if (typeof value !== "object" || value === null) continue;
    if (depth === depthLimit) throw refusal(path, `must not nest deeper than ${depthLimit} levels`);
    for (const [key, child] of Object.entries(value)) {
      const childPath = path === "" ? key : `${path}.${key}`;
      if (forbiddenKeys.has(key)) throw refusal(path, `must not have the key ${key}`);
      requireStorable(key, path);
      if (typeof child === "string" || typeof child === "object")
        rest.push({ value: child, path: childPath, depth: depth + 1 });
    }
  }
}

/** PostgreSQL's text holds neither U+0000 nor half a surrogate pair (manual, 8.14). */
function requireStorable(text: string, path: string): void {
  if (text.includes("\0")) throw refusal(path, "must not contain the character U+0000");
  if (!text.isWellFormed()) throw refusal(path, "must not contain an unpaired surrogate");
}

function refusal(path: string, text: string): Invalid {
  return path === "" ? new Invalid(text) : new Invalid(`${path}: ${text}`, { field: path });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
