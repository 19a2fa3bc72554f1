import { tokenize } from "./lexer.ts";

/** Larger statements (loads of data, characters) are not parsed: their syntax tree would not fit into memory. */
const largest = 1_000_000;

/**
 * Syntax trees by PostgreSQL's own parser (18); undefined when it does not understand the text, which the server may,
 * or the text is too large.
 */
export async function parse(text: string) {
  if (text.length > largest) return undefined;
  const parser = await import("libpg-query");
  try {
    return (await parser.parse(readable(text))).stmts ?? [];
  } catch {
    return undefined;
  }
}

/** What PostgreSQL's grammar has against a text, and where (characters from 1); undefined: nothing, or it is too large. */
export async function findSyntaxError(text: string): Promise<{ message: string; position: number } | undefined> {
  if (text.length > largest) return undefined;
  const parser = await import("libpg-query");
  try {
    await parser.parse(readable(text));
    return undefined;
  } catch (error) {
    if (!(error instanceof parser.SqlError)) throw error;
    return { message: error.message, position: (error.sqlDetails?.cursorPosition ?? 0) + 1 };
  }
}

/** As many characters, without comments between the parts of one string: the server takes them, and this parser does not. */
function readable(text: string): string {
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
