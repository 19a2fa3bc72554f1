import { type Token, tokenize } from "./lexer.ts";

/** The text with a blank in place of each comment, also of those in the program of a function or DO block. */
export function withoutComments(text: string): string {
  let bare = "";
  let at = 0;
  for (const token of tokenize(text)) {
    const replacement = replacementOf(text, token);
    if (replacement === undefined) continue;
    bare += text.slice(at, token.start) + replacement;
    at = token.end;
  }
  return bare + text.slice(at);
}

function replacementOf(text: string, { kind, start, end, terminated }: Token): string | undefined {
  if (kind === "line comment" || kind === "block comment") return " ";
  if (kind !== "dollar string" || !terminated) return undefined;
  const tag = text.slice(start, text.indexOf("$", start + 1) + 1);
  const program = text.slice(start + tag.length, end - tag.length);
  // A program in another language, such as Python, has other comments and quotes: it stays as it is.
  return isWhole(program) ? tag + withoutComments(program) + tag : undefined;
}

function isWhole(text: string): boolean {
  for (const { terminated } of tokenize(text)) if (!terminated) return false;
  return true;
}
