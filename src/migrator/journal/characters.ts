import { tokenize } from "../sql/lexer.ts";
import { describePlace, placeIn } from "../sql/position.ts";
import type { Script } from "./folder.ts";
import type { Statement } from "./script.ts";

/**
 * Blank and invisible characters that PostgreSQL treats as letters. Excludes the joiners U+200C and U+200D, which some
 * writing systems need.
 */
const invisibleCharacter = /[\u00a0\u1680\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/;

const characterNames: Readonly<Record<string, string>> = {
  "\u00a0": "no-break space",
  "\u200b": "zero width space",
  "\u3000": "ideographic space",
  "\ufeff": "byte order mark in the middle of a file",
};

/** Returns a fault for each statement with such a character outside quotes and comments: it would be part of a name. */
export function findInvisibleCharacters({ file, sql }: Script, statements: readonly Statement[]): string[] {
  if (!invisibleCharacter.test(sql)) return [];
  return statements.flatMap(({ text, offset }) => {
    for (const { kind, start, end } of tokenize(text)) {
      if (kind !== "word") continue;
      const found = invisibleCharacter.exec(text.slice(start, end));
      if (found === null) continue;
      const place = describePlace(placeIn(file, sql, offset + start + found.index));
      const code = `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      const name = characterNames[found[0]];
      const described = name === undefined ? code : `${code} (${name})`;
      return `${place}: ${described} is a letter to PostgreSQL. Replace it with a space, or remove it.`;
    }
    return [];
  });
}
