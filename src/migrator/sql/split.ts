import { fold, type Token, tokenize } from "./lexer.ts";

/** One statement of a text, as PostgreSQL's grammar would end it. Offsets are those of the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** Behind its semicolon. */
  readonly next: number;
  /** Line comments between the statement before and its first token. */
  readonly comments: readonly Token[];
  /** Its first words outside of parentheses, folded. */
  readonly words: readonly string[];
  /** Whether it holds a routine's body in SQL, whose end only the grammar knows for certain. */
  readonly atomic: boolean;
  /** What may be a variable of psql. */
  readonly variable: Token | undefined;
  /** What ends the reading: a token that has no end, a parenthesis or body that is not closed, a backslash. */
  readonly fault: SqlSyntaxFault | undefined;
}

export type SqlSyntaxFault = { readonly kind: "unterminated" | "unclosed" | "backslash"; readonly token: Token };

const mostWords = 64;

/** The statement that begins at or behind `from`; undefined when there is none. Semicolons inside of it are part of it. */
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
  /** Parentheses and brackets that are open, and the bodies and CASEs of a routine in SQL. */
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
    // A cast is a token of two colons, and a slice of an array is in brackets.
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
    if (open.length === 0 && words.length < mostWords) words.push(name);
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
