/**
 * A token by PostgreSQL's lexical rules (src/backend/parser/scan.l), limited to those that determine the ends of
 * comments, strings, names and statements. All parts of the migrator that inspect SQL text use this lexer, so that they
 * agree. It assumes `standard_conforming_strings = on`, which the migrator's connections set.
 */
export interface Token {
  readonly kind: "line comment" | "block comment" | "string" | "dollar string" | "quoted name" | "word" | "symbol";
  readonly start: number;
  readonly end: number;
  /** False when the text ends inside the token. */
  readonly terminated: boolean;
  /** The blanks and comments between the parts of a continued string. */
  readonly gaps?: readonly Gap[];
}

interface Gap {
  readonly start: number;
  readonly end: number;
}

const blanks = /[ \t\n\r\f\v]+/y;
/** PostgreSQL treats every character beyond ASCII as a letter, even a no-break space. */
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const prefixedQuote = /(?:[eEbBxXnN]|[uU]&)'|[uU]&"/y;
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const number = /\d[\d_]*/y;
const parameter = /\$\d+/y;

/** Yields the tokens of a text from offset `from` on, without blanks. */
export function* tokenize(text: string, from = 0): Generator<Token> {
  for (let at = skipBlanks(text, from); at < text.length; ) {
    const token = tokenAt(text, at);
    yield token;
    at = skipBlanks(text, token.end);
  }
}

function skipBlanks(text: string, at: number): number {
  return endOf(blanks, text, at) ?? at;
}

function tokenAt(text: string, start: number): Token {
  const char = text[start] as string;
  if (char === "'") return stringTokenAt(text, start, start + 1);
  if (char === '"') return tokenOf(text, start, "quoted name", endOfName(text, start + 1));
  if (char === "-" && text[start + 1] === "-") return tokenOf(text, start, "line comment", endOfLine(text, start));
  if (char === "/" && text[start + 1] === "*") return tokenOf(text, start, "block comment", endOfComment(text, start));
  if (char === "$") return dollarTokenAt(text, start);
  if (char >= "0" && char <= "9") return tokenOf(text, start, "symbol", endOf(number, text, start));
  if (isLetter(char)) return wordTokenAt(text, start);
  // Operators are split into characters, because a comment can begin inside one.
  const isPair = char === ":" && (text[start + 1] === ":" || text[start + 1] === "=");
  return tokenOf(text, start, "symbol", start + (isPair ? 2 : 1));
}

function tokenOf(text: string, start: number, kind: Token["kind"], end: number | undefined): Token {
  return { kind, start, end: end ?? text.length, terminated: end !== undefined };
}

const isLetter = (char: string) =>
  (char >= "a" && char <= "z") || (char >= "A" && char <= "Z") || char === "_" || char >= "\u0080";

function wordTokenAt(text: string, start: number): Token {
  const next = text[start + 1];
  const quote = next === "'" || next === "&" ? endOf(prefixedQuote, text, start) : undefined;
  if (quote === undefined) return tokenOf(text, start, "word", endOf(word, text, start));
  if (text[quote - 1] === '"') return tokenOf(text, start, "quoted name", endOfName(text, quote));
  return stringTokenAt(text, start, quote);
}

function dollarTokenAt(text: string, start: number): Token {
  const opened = endOf(dollarQuote, text, start);
  if (opened === undefined) return tokenOf(text, start, "symbol", endOf(parameter, text, start) ?? start + 1);
  const closing = text.slice(start, opened);
  const end = text.indexOf(closing, opened);
  return tokenOf(text, start, "dollar string", end === -1 ? undefined : end + closing.length);
}

function stringTokenAt(text: string, start: number, from: number): Token {
  const gaps: Gap[] = [];
  const escapes = text[start] === "e" || text[start] === "E";
  const end = endOfString(text, from, { escapes, gaps });
  return gaps.length === 0 ? tokenOf(text, start, "string", end) : { ...tokenOf(text, start, "string", end), gaps };
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** A carriage return ends a line comment as a line feed does. */
function endOfLine(text: string, start: number): number {
  const end = /[\n\r]/g;
  end.lastIndex = start;
  return end.exec(text)?.index ?? text.length;
}

/** Block comments nest. */
function endOfComment(text: string, start: number): number | undefined {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(text); found !== null; found = edge.exec(text)) {
    depth += found[0] === "/*" ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return undefined;
}

function endOfName(text: string, from: number): number | undefined {
  const quote = /""|"/g;
  quote.lastIndex = from;
  for (let found = quote.exec(text); found !== null; found = quote.exec(text)) {
    if (found[0] === '"') return quote.lastIndex;
  }
  return undefined;
}

function endOfString(
  text: string,
  from: number,
  { escapes, gaps }: { escapes: boolean; gaps: Gap[] },
): number | undefined {
  // One regular expression for the whole string would overflow the stack on a text with many escapes.
  const edge = escapes ? /\\[\s\S]|''|'/g : /''|'/g;
  edge.lastIndex = from;
  for (let found = edge.exec(text); found !== null; found = edge.exec(text)) {
    if (found[0] !== "'") continue;
    const next = continuationOf(text, edge.lastIndex);
    if (next === undefined) return edge.lastIndex;
    gaps.push({ start: edge.lastIndex, end: next - 1 });
    edge.lastIndex = next;
  }
  return undefined;
}

/**
 * The offset after the quote that continues a string; undefined when the string ends. PostgreSQL joins two quoted parts
 * with the escape rules of the first when only blanks that include a line end, and line comments, separate them.
 */
function continuationOf(text: string, from: number): number | undefined {
  let newline = false;
  for (let at = from; at < text.length; ) {
    const char = text[at] as string;
    if (char === "'") return newline ? at + 1 : undefined;
    if (text.startsWith("--", at)) at = endOfLine(text, at);
    else if (" \t\n\r\f\v".includes(char)) {
      newline ||= char === "\n" || char === "\r";
      at += 1;
    } else return undefined;
  }
  return undefined;
}

/** Converts to lower case as PostgreSQL folds keywords: ASCII letters only. */
export const fold = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
