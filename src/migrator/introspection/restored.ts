const literal = String.raw`'(?:[^']|'')*'::[\w ]+(?:\(\d+\))?`;
const element = String.raw`(?:${literal}|[\w$]+|"[^"]+")`;
const castArray = new RegExp(String.raw`\(ARRAY\[(${element}(?:, ${element})*)\]\)::([\w ]+)\[\]`, "g");
const elements = new RegExp(element, "g");

/**
 * A definition as PostgreSQL tells it of a database that was restored from a dump: where a list is compared with
 * a varchar column (`status in ('a', 'b')`), it casts the array at first, and each element once its own words
 * for that have been read again.
 */
export function asRestored(line: string): string {
  return line.replace(castArray, (_, list: string, type: string) => {
    const cast = (list.match(elements) ?? []).map((one) => `(${one})::${type}`);
    return `ARRAY[${cast.join(", ")}]`;
  });
}
