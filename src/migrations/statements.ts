import { MigrationError, type Place } from "./errors.ts";
import type { Script } from "./folder.ts";

/** One statement of a script. */
export interface Statement {
  readonly text: string;
  /** Where it begins in the file (characters). */
  readonly offset: number;
}

const breakpoint = "--> statement-breakpoint";
/** Larger pieces (loads of data, characters) are sent as they stand: their syntax tree would not fit into memory. */
export const largest = 1_000_000;

/**
 * The statements of a script, one by one, so that a failure can be told to the line: drizzle-kit's
 * breakpoints first, then, for pieces that hold more than one, PostgreSQL's own grammar.
 *
 * @throws {MigrationError} when a statement would end the transaction that the migration runs in
 */
export async function statementsOf(script: Script): Promise<Statement[]> {
  const statements: Statement[] = [];
  let start = 0;
  for (const piece of script.sql.split(breakpoint)) {
    const skip = startOf(piece);
    const text = piece.slice(skip).trimEnd();
    if (text !== "") statements.push(...(await split({ text, offset: start + skip }, script)));
    start += piece.length + breakpoint.length;
  }
  return statements;
}

async function split(piece: Statement, script: Script): Promise<Statement[]> {
  const bare = bareOf(piece.text);
  refuseAll(copy, "has no client to COPY from or to. Use insert");
  if (piece.text.length > largest) {
    // The body of a function may end with "; end", too.
    if (!/\bbegin\s+atomic\b/i.test(bare)) refuseAll(anyTransaction, ownTransaction(script));
    return [piece];
  }
  if (isPlainlyOne(bare)) return [piece];
  const trees = await parse(piece.text);
  if (trees === undefined) return [piece];

  const bytes = Buffer.from(piece.text);
  return trees.map(({ stmt, stmt_location: at = 0, stmt_len: length }) => {
    const end = length === undefined ? bytes.length : at + length;
    const before = bytes.subarray(0, at).toString().length;
    const whole = bytes.subarray(at, end).toString();
    const skip = startOf(whole);
    const statement = { text: whole.slice(skip), offset: piece.offset + before + skip };
    if (stmt !== undefined && "TransactionStmt" in stmt) throw refused(statement, script, ownTransaction(script));
    return statement;
  });

  function refuseAll(pattern: RegExp, why: string): void {
    if (!pattern.test(bare)) return;
    const found = pattern.exec(bareOf(piece.text, true));
    const at = found === null ? 0 : found.index + found[0].search(/[^;\s]/);
    throw refused({ text: piece.text.slice(at), offset: piece.offset + at }, script, why);
  }
}

/** Where a statement begins, behind blanks and comments. */
function startOf(text: string): number {
  const blank = /(?:\s|--[^\n]*(?:\n|$))*/y;
  for (let at = 0; ; ) {
    blank.lastIndex = at;
    blank.test(text);
    at = blank.lastIndex;
    const end = text.startsWith("/*", at) ? endOfComment(text, at) : undefined;
    if (end === undefined) return at;
    at = end;
  }
}

/** Behind the comment that begins at `start`, which may hold others; undefined when it has no end. */
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

/** Where something quoted begins, or a comment. */
const opening = /\$\w*\$|\be'|['"]|--|\/\*/gi;

/** The text with a blank for whatever is quoted or comment; with `inPlace` as many, so that the rest is where it was. */
function bareOf(text: string, inPlace = false): string {
  let bare = "";
  let at = 0;
  opening.lastIndex = 0;
  for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
    const end = endOf(text, found[0].toLowerCase(), opening.lastIndex) ?? text.length;
    bare += text.slice(at, found.index) + (inPlace ? " ".repeat(end - found.index) : " ");
    opening.lastIndex = at = end;
  }
  return bare + text.slice(at);
}

/** Behind what was opened; its inside begins at `from`. */
function endOf(text: string, opened: string, from: number): number | undefined {
  if (opened === "/*") return endOfComment(text, from - 2);
  if (opened === "e'") return endOfEscaped(text, from);
  const closing = opened === "--" ? "\n" : text.slice(from - opened.length, from);
  const at = text.indexOf(closing, from);
  return at === -1 ? undefined : at + closing.length;
}

/** Not one expression for the whole: a long text has more escapes than the stack has room. */
function endOfEscaped(text: string, from: number): number | undefined {
  const edge = /\\[\s\S]|''|'/g;
  edge.lastIndex = from;
  for (let found = edge.exec(text); found !== null; found = edge.exec(text)) {
    if (found[0] === "'") return edge.lastIndex;
  }
  return undefined;
}

const transaction = /^(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b/i;
/** Those that end one, or begin another, also in the middle. */
const anyTransaction =
  /(?:^|;)\s*(?:begin|start\s+transaction|commit|end|rollback(?!\s+(?:work\s+|transaction\s+)?to\b)|abort|prepare\s+transaction)\b/i;
/** Either would wait for ever for the other side. */
const copy = /(?:^|;)\s*copy\b[^;]*\b(?:from\s+stdin|to\s+stdout)\b/i;
const ownTransaction = ({ noTransaction }: Script) =>
  noTransaction
    ? "without a transaction commits every statement by itself, and must not begin or end one. Remove the statement"
    : 'runs in a transaction of its own, and must not begin or end one. Remove the statement, or begin the file with "-- migrate: no-transaction"';

/** Whether a glance is enough: reading PostgreSQL's grammar takes longer than most migrations do. */
const isPlainlyOne = (bare: string) => !/[\\'"$]|\/\*/.test(bare) && !/;\s*\S/.test(bare) && !transaction.test(bare);

function refused(statement: Statement, script: Script, why: string): MigrationError {
  const { file, line, column } = placeOf(script, statement);
  const [first] = statement.text.split("\n");
  return new MigrationError(`${file}:${line}:${column}: ${first}\nA migration ${why}.`);
}

/** Syntax trees by PostgreSQL's own parser; undefined when it does not understand the text: the server will say why. */
export async function parse(text: string) {
  const parser = await import("libpg-query");
  try {
    return (await parser.parse(text)).stmts ?? [];
  } catch {
    return undefined;
  }
}

/** Line and column (characters) of a statement, or of `position` in it (characters from 1, as PostgreSQL reports it). */
export function placeOf(script: Script, statement: Statement, position = 1): Place {
  // PostgreSQL counts characters, JavaScript UTF-16 units.
  const into = [...statement.text].slice(0, position - 1).join("").length;
  const at = statement.offset + into;
  const lineStart = script.sql.lastIndexOf("\n", at - 1) + 1;
  const lineEnd = script.sql.indexOf("\n", at);
  return {
    file: script.file,
    line: script.sql.slice(0, at).split("\n").length,
    column: [...script.sql.slice(lineStart, at)].length + 1,
    text: script.sql.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).trimEnd(),
  };
}
