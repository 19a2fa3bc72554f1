import type { Random } from "./random.ts";
import { word } from "./random.ts";

/** What a constraint's definition gives away about the values it takes. */
export interface Hints {
  readonly strings: readonly string[];
  readonly numbers: readonly number[];
}

export const noHints: Hints = { strings: [], numbers: [] };

/** String and number literals of definitions as PostgreSQL writes them. */
export function readHints(definitions: readonly string[]): Hints {
  const strings: string[] = [];
  const numbers: number[] = [];
  for (const definition of definitions) {
    const rest = definition.replace(/'((?:[^']|'')*)'/g, (_, quoted: string) => {
      const text = quoted.replaceAll("''", "'");
      // Negative numbers are written as '-1'::integer.
      if (/^-?\d+(\.\d+)?$/.test(text)) numbers.push(Number(text));
      // '{a,b}'::text[] lists strings, too.
      if (/^\{.*\}$/.test(text)) strings.push(...text.slice(1, -1).split(",").map(unquoted));
      strings.push(text);
      return " ";
    });
    for (const [number] of rest.matchAll(/(?<![\w".])\d+(?:\.\d+)?/g)) numbers.push(Number(number));
  }
  return { strings: [...new Set(strings)], numbers: [...new Set(numbers)] };
}

const unquoted = (element: string) => element.replace(/^"(.*)"$/, "$1");

export function joinHints(...all: readonly Hints[]): Hints {
  return { strings: all.flatMap(({ strings }) => strings), numbers: all.flatMap(({ numbers }) => numbers) };
}

export const isLike = (text: string): boolean => /[%_]/.test(text);

/** A text that LIKE finds by the pattern. */
export function matchLike(pattern: string, random: Random): string {
  return pattern.replace(
    /\\(.)|%|_/g,
    (found, escaped) => escaped ?? (found === "_" ? "a" : random() < 0.7 ? word(random) : ""),
  );
}
