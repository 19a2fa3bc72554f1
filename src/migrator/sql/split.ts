import { fold, type Token, tokenize } from "./lexer.ts";

/** One statement of a text, delimited as by PostgreSQL's grammar. Offsets refer to the text (UTF-16 code units). */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** The offset after its semicolon. */
  readonly next: number;
  /** Line comments between the previous statement and the first token of this one. */
  readonly comments: readonly Token[];
  /** The first words outside parentheses, in lower case. */
  readonly words: readonly string[];
  /** Whether it contains a routine body in SQL, whose end only the grammar can determine. */
  readonly atomic: boolean;
  /** The colon of a possible psql variable. */
  readonly variable: Token | undefined;
  /** The fault that ends the reading: an unterminated token, an unclosed parenthesis or body, or a backslash. */
  readonly fault: SqlSyntaxFault | undefined;
}

export type SqlSyntaxFault = { readonly kind: "unterminated" | "unclosed" | "backslash"; readonly token: Token };

const maxWords = 64;

/**
 * Returns the first statement from offset `from` on; undefined when there is none. A semicolon inside parentheses or a
 * routine body does not end it.
 */
export function readStatement(text: string, from: number): Span | undefined {
  const state = createState(text, from);
  for (const token of tokenize(text, from)) {
    if (!token.terminated) return state.end(text.length, { kind: "unterminated", token });
    if (text[token.start] === "\\") return state.end(text.length, { kind: "backslash", token });
    if (text[token.start] === ";" && state.isComplete()) {
      if (state.isEmpty()) state.reset();
      else return state.end(token.end);
    } else state.add(token);
  }
  const open = state.opened();
  if (open !== undefined) return state.end(text.length, { kind: "unclosed", token: open });
  return state.isEmpty() ? undefined : state.end(text.length);
}

function createState(text: string, from: number) {
  let comments: Token[] = [];
  let first: Token | undefined;
  let last: Token | undefined;
  let variable: Token | undefined;
  const words: string[] = [];
  // Unclosed parentheses and brackets; unclosed bodies and CASE expressions of a routine in SQL.
  const open: Token[] = [];
  const bodies: Token[] = [];
  let previous = "";
  let atomic = false;

  function add(token: Token): void {
    if (token.kind === "line comment" || token.kind === "block comment") {
      if (first === undefined && token.kind === "line comment") comments.push(token);
      return;
    }
    first ??= token;
    // The two colons of a cast are one token; the colon of an array slice is in brackets.
    const isColon = last?.end === token.start && last.end === last.start + 1 && text[last.start] === ":";
    if (isColon && !open.some(({ start }) => text[start] === "[")) variable ??= last;
    last = token;
    if (token.kind === "word") addWord(token);
    else {
      previous = token.end === token.start + 1 ? (text[token.start] ?? "") : "";
      if (previous === "(" || previous === "[") open.push(token);
      if (previous === ")" || previous === "]") open.pop();
    }
  }

  function addWord(token: Token): void {
    if (open.length > 0 && bodies.length === 0) return;
    const name = fold(text.slice(token.start, token.end));
    const isLabel = previous === "as" || previous === ".";
    if (open.length === 0 && words.length < maxWords) words.push(name);
    if (name === "atomic" && previous === "begin" && isRoutine(words)) {
      atomic = true;
      bodies.push(token);
    } else if (bodies.length > 0 && !isLabel) {
      if (name === "case") bodies.push(token);
      if (name === "end") bodies.pop();
    }
    previous = name;
  }

  return {
    add,
    isComplete: () => open.length === 0 && bodies.length === 0,
    opened: () => open[0] ?? bodies[0],
    isEmpty: () => first === undefined,
    reset: () => (comments = []),
    end: (next: number, fault?: SqlSyntaxFault): Span => {
      const start = (first ?? fault?.token)?.start ?? from;
      const end = fault === undefined ? (last?.end ?? next) : text.length;
      return { start, end, next, comments, words, atomic, variable, fault };
    },
  };
}

function isRoutine([create, second, third, fourth]: readonly string[]): boolean {
  const kind = second === "or" && third === "replace" ? fourth : second;
  return create === "create" && (kind === "function" || kind === "procedure");
}
