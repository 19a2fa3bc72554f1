/**
 * PostgreSQL's lexical rules (src/backend/parser/scan.l), as far as they decide where a comment, a string, a name
 * and a statement end. Everything in the migrator that looks into SQL text uses this file, so that no two parts
 * disagree about it. `standard_conforming_strings` is on, as the migrator's connections set it.
 */
export interface Token {
  readonly kind: "line comment" | "block comment" | "string" | "dollar string" | "quoted name" | "word" | "symbol";
  readonly start: number;
  readonly end: number;
  /** False: the text ends inside of it. */
  readonly terminated: boolean;
  /** Of a string in several parts: what is between them, which may be comments. */
  readonly gaps?: readonly Gap[];
}

interface Gap {
  readonly start: number;
  readonly end: number;
}

const blanks = /[ \t\n\r\f\v]+/y;
/** Every character beyond ASCII is a letter to PostgreSQL, also a no-break space. */
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const prefixedQuote = /(?:[eEbBxXnN]|[uU]&)'|[uU]&"/y;
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const number = /\d[\d_]*/y;
const parameter = /\$\d+/y;

/** The tokens of a text from `from` on, without blanks. */
export function* tokenize(text: string, from = 0): Generator<Token> {
  for (let at = skip(text, from); at < text.length; ) {
    const token = tokenAt(text, at);
    yield token;
    at = skip(text, token.end);
  }
}

function skip(text: string, at: number): number {
  return endOf(blanks, text, at) ?? at;
}

function tokenAt(text: string, start: number): Token {
  const char = text[start] as string;
  if (char === "'") return stringAt(text, start, start + 1);
  if (char === '"') return made(text, start, "quoted name", endOfName(text, start + 1));
  if (char === "-" && text[start + 1] === "-") return made(text, start, "line comment", endOfLine(text, start));
  if (char === "/" && text[start + 1] === "*") return made(text, start, "block comment", endOfComment(text, start));
  if (char === "$") return dollarAt(text, start);
  if (char >= "0" && char <= "9") return made(text, start, "symbol", endOf(number, text, start));
  if (isLetter(char)) return wordAt(text, start);
  // Of an operator one character is enough, since comments begin inside of them.
  const isPair = char === ":" && (text[start + 1] === ":" || text[start + 1] === "=");
  return made(text, start, "symbol", start + (isPair ? 2 : 1));
}

function made(text: string, start: number, kind: Token["kind"], end: number | undefined): Token {
  return { kind, start, end: end ?? text.length, terminated: end !== undefined };
}

const isLetter = (char: string) =>
  (char >= "a" && char <= "z") || (char >= "A" && char <= "Z") || char === "_" || char >= "\u0080";

function wordAt(text: string, start: number): Token {
  const next = text[start + 1];
  const quote = next === "'" || next === "&" ? endOf(prefixedQuote, text, start) : undefined;
  if (quote === undefined) return made(text, start, "word", endOf(word, text, start));
  if (text[quote - 1] === '"') return made(text, start, "quoted name", endOfName(text, quote));
  return stringAt(text, start, quote);
}

function dollarAt(text: string, start: number): Token {
  const opened = endOf(dollarQuote, text, start);
  if (opened === undefined) return made(text, start, "symbol", endOf(parameter, text, start) ?? start + 1);
  const closing = text.slice(start, opened);
  const end = text.indexOf(closing, opened);
  return made(text, start, "dollar string", end === -1 ? undefined : end + closing.length);
}

function stringAt(text: string, start: number, from: number): Token {
  const gaps: Gap[] = [];
  const escapes = text[start] === "e" || text[start] === "E";
  const end = endOfString(text, from, { escapes, gaps });
  return gaps.length === 0 ? made(text, start, "string", end) : { ...made(text, start, "string", end), gaps };
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
  // Not one expression for the whole: a long text has more escapes than the stack has room.
  const edge = escapes ? /\\[\s\S]|''|'/g : /''|'/g;
  edge.lastIndex = from;
  for (let found = edge.exec(text); found !== null; found = edge.exec(text)) {
    if (found[0] !== "'") continue;
    const next = continued(text, edge.lastIndex);
    if (next === undefined) return edge.lastIndex;
    gaps.push({ start: edge.lastIndex, end: next - 1 });
    edge.lastIndex = next;
  }
  return undefined;
}

/** A string goes on, by the same rules, in a quote that only blanks with a line end, or line comments, part from it. */
function continued(text: string, from: number): number | undefined {
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

/** Lower case as PostgreSQL folds keywords: ASCII letters alone. */
export const fold = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
