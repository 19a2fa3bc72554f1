import superjson, { type SuperJSONResult, type SuperJSONValue } from "superjson";
import { InvalidInputError } from "../errors.ts";
import { writeDates } from "./answer-dates.ts";
import { checkInputLimits, invalidField } from "./input-limits.ts";

/** superjson's annotations that an input may carry, and the JSON value that each requires. Others are refused. */
const annotations: Readonly<Record<string, (value: unknown) => boolean>> = {
  Date: (value) => typeof value === "string",
  number: (value) => value === "-0",
  undefined: (value) => value === null,
};

/**
 * Returns the values of an input in superjson's form: `{"json": …}`, with dates annotated as such.
 *
 * superjson trusts its input. An annotation can fill memory by naming an element far beyond the end of an array,
 * double an object with each reference to it, or replace a text by a function. Therefore the JSON is validated first,
 * and only annotations that fit the values they name are passed on.
 *
 * @throws {InvalidInputError} with the path of the field at fault
 */
export function deserialize(input: unknown): unknown {
  if (!isObject(input) || !Object.hasOwn(input, "json"))
    throw new InvalidInputError('The input must be in superjson\'s form: {"json": <input>}.');
  const { json, meta } = input;
  checkInputLimits(json);
  if (meta === undefined) return json;
  const values = isObject(meta) ? meta["values"] : undefined;
  checkAnnotations(json, values);
  try {
    return superjson.deserialize({ json, meta: { values, v: 1 } } as SuperJSONResult);
  } catch {
    // superjson throws on a path that it would not write itself.
    throw annotationsError();
  }
}

const annotationsError = () => new InvalidInputError("The input's annotations are not superjson's.");

/** Returns an answer in superjson's form. */
export function serialize(value: unknown): SuperJSONResult {
  const written = typeof value === "object" && value !== null ? writeDates(value) : undefined;
  if (written === undefined) return superjson.serialize(value as SuperJSONValue);
  const json = written.json as SuperJSONResult["json"];
  return Object.keys(written.dates).length === 0 ? { json } : { json, meta: { values: written.dates, v: 1 } };
}

/** @throws {InvalidInputError} if an annotation is of an unknown kind, or does not fit the value that it names */
function checkAnnotations(json: unknown, values: unknown): void {
  if (values === undefined) return;
  if (Array.isArray(values)) checkAnnotation(json, "", values);
  else if (!isObject(values)) throw annotationsError();
  else for (const [path, annotation] of Object.entries(values)) checkAnnotation(valueAt(json, path), path, annotation);
}

function checkAnnotation(value: unknown, path: string, annotation: unknown): void {
  const [kind] = Array.isArray(annotation) && annotation.length === 1 ? annotation : [];
  if (typeof kind !== "string" || !Object.hasOwn(annotations, kind) || annotations[kind]?.(value) !== true)
    throw invalidField(path, "no input holds a value of this kind");
}

/** The value at a path of superjson's; undefined, which JSON does not have, if there is none. */
function valueAt(json: unknown, path: string): unknown {
  let value = json;
  for (const key of keysOf(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** superjson writes dots between the keys of a path, and escapes a dot or a backslash of a key by a backslash. */
function keysOf(path: string): string[] {
  return path.split(/(?<!(?<!\\)(?:\\\\)*\\)\./).map((key) => key.replace(/\\(.)/g, "$1"));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
