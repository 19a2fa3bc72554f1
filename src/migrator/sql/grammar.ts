import { tokenize } from "./lexer.ts";

/** Statements longer than this (characters) are not parsed: their syntax tree would not fit into memory. */
const maxParsedLength = 1_000_000;

/**
 * Returns the syntax trees of PostgreSQL's own parser (version 18); undefined when the text is invalid for that version
 * or too long.
 */
export async function parse(text: string) {
  if (text.length > maxParsedLength) return undefined;
  const parser = await import("libpg-query");
  try {
    return (await parser.parse(blankGaps(text))).stmts ?? [];
  } catch {
    return undefined;
  }
}

/** Returns the syntax error in a text and its position (characters from 1); undefined when there is none or it is too long. */
export async function findSyntaxError(text: string): Promise<{ message: string; position: number } | undefined> {
  if (text.length > maxParsedLength) return undefined;
  const parser = await import("libpg-query");
  try {
    await parser.parse(blankGaps(text));
    return undefined;
  } catch (error) {
    if (!(error instanceof parser.SqlError)) throw error;
    return { message: error.message, position: (error.sqlDetails?.cursorPosition ?? 0) + 1 };
  }
}

/**
 * Replaces comments between the parts of a continued string with blanks of the same length: the server accepts such
 * comments, and this parser does not.
 */
function blankGaps(text: string): string {
  if (!/'\s*--/.test(text)) return text;
  let changed = text;
  for (const { gaps = [] } of tokenize(text)) {
    for (const { start, end } of gaps) {
      const blank = text.slice(start, end).replace(/--[^\n\r]*/g, (comment) => " ".repeat(comment.length));
      changed = changed.slice(0, start) + blank + changed.slice(end);
    }
  }
  return changed;
}
