/** The paths to the dates of an answer, as superjson's annotations. */
export type DateAnnotations = Record<string, ["Date"]>;

/** Levels that are walked. It ends the walk of an object that contains itself. */
const maxDepth = 100;

/** A value that needs more of superjson than the annotation of dates. */
class UnwritableError extends Error {}

/**
 * Returns an answer with its dates as text, and their annotations; undefined for one that holds other values than dates
 * and those of JSON.
 *
 * superjson looks for classes, symbols and repeated references in every value, which takes several times as long as
 * writing the JSON. `JSON.stringify` takes three times as long with dates as with their text.
 */
export function writeDates(answer: object): { json: object; dates: DateAnnotations } | undefined {
  // The annotation of an answer that is a date has another form.
  if (answer instanceof Date) return undefined;
  const dates: DateAnnotations = {};
  try {
    return { json: written(answer, [], dates) as object, dates };
  } catch (error) {
    if (error instanceof UnwritableError) return undefined;
    throw error;
  }
}

function written(value: unknown, path: string[], dates: DateAnnotations): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value) || Object.is(value, -0)) throw new UnwritableError();
      return value;
    case "object":
      return value === null ? value : writtenObject(value, path, dates);
    default:
      throw new UnwritableError();
  }
}

function writtenObject(value: object, path: string[], dates: DateAnnotations): unknown {
  if (value instanceof Date) {
    dates[path.map(escaped).join(".")] = ["Date"];
    return value.toISOString();
  }
  if (path.length > maxDepth || !isPlain(value)) throw new UnwritableError();
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    if (refused.has(key)) throw new UnwritableError();
    const member = (value as Record<string, unknown>)[key];
    path.push(key);
    const text = written(member, path, dates);
    path.pop();
    if (text === member) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[key] = text;
  }
  return copy ?? value;
}

/** Names of which superjson throws an error. */
const refused = new Set(["__proto__", "constructor", "prototype"]);

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** superjson escapes the dots that are part of a key. */
const escaped = (key: string): string => key.replace(/[\\.]/g, "\\$&");
