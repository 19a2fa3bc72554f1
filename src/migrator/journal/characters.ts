import { tokenize } from "../sql/lexer.ts";
import { describePlace, placeIn } from "../sql/position.ts";
import type { Script } from "./folder.ts";
import type { Statement } from "./script.ts";

/** Blanks and invisible characters that PostgreSQL takes for letters; not the joiners, which some scripts write with. */
const strange = /[\u00a0\u1680\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/;

const names: Readonly<Record<string, string>> = {
  "\u00a0": "no-break space",
  "\u200b": "zero width space",
  "\u3000": "ideographic space",
  "\ufeff": "byte order mark in the middle of a file",
};

/** Where a script has such a character outside of quotes and comments: it would become part of a name. */
export function findInvisibleCharacters({ file, sql }: Script, statements: readonly Statement[]): string[] {
  if (!strange.test(sql)) return [];
  return statements.flatMap(({ text, offset }) => {
    for (const { kind, start, end } of tokenize(text)) {
      if (kind !== "word") continue;
      const found = strange.exec(text.slice(start, end));
      if (found === null) continue;
      const place = describePlace(placeIn(file, sql, offset + start + found.index));
      const code = `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      const name = names[found[0]] === undefined ? code : `${code} (${names[found[0]]})`;
      return `${place}: ${name} is a letter to PostgreSQL. Write a space, or nothing.`;
    }
    return [];
  });
}
