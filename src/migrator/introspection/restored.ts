const literal = String.raw`'(?:[^']|'')*'::[\w ]+(?:\(\d+\))?`;
const element = String.raw`(?:${literal}|[\w$]+|"[^"]+")`;
const castArray = new RegExp(String.raw`\(ARRAY\[(${element}(?:, ${element})*)\]\)::([\w ]+)\[\]`, "g");
const elements = new RegExp(element, "g");

/**
 * Returns a definition in the form that it has after a restore from a dump. For a list that is compared with a varchar
 * column (`status in ('a', 'b')`), PostgreSQL first prints a cast of the array; after that text has been parsed again,
 * it prints a cast of each element.
 */
export function asRestored(line: string): string {
  return line.replace(castArray, (_, list: string, type: string) => {
    const cast = (list.match(elements) ?? []).map((one) => `(${one})::${type}`);
    return `ARRAY[${cast.join(", ")}]`;
  });
}
