import { type Token, tokenize } from "./lexer.ts";

/** Replaces each comment with a blank, including those in the body of a function or DO block. */
export function withoutComments(text: string): string {
  let result = "";
  let at = 0;
  for (const token of tokenize(text)) {
    const replacement = replacementOf(text, token);
    if (replacement === undefined) continue;
    result += text.slice(at, token.start) + replacement;
    at = token.end;
  }
  return result + text.slice(at);
}

function replacementOf(text: string, { kind, start, end, terminated }: Token): string | undefined {
  if (kind === "line comment" || kind === "block comment") return " ";
  if (kind !== "dollar string" || !terminated) return undefined;
  const tag = text.slice(start, text.indexOf("$", start + 1) + 1);
  const body = text.slice(start + tag.length, end - tag.length);
  // A body in another language, such as Python, has other comments and quotes, and is not changed.
  return isTerminated(body) ? tag + withoutComments(body) + tag : undefined;
}

function isTerminated(text: string): boolean {
  for (const { terminated } of tokenize(text)) if (!terminated) return false;
  return true;
}
