import { MigrationError, type Place } from "./errors.ts";
import type { Script } from "./folder.ts";

/** One statement of a script. */
export interface Statement {
  readonly text: string;
  /** Where it begins in the file (characters). */
  readonly offset: number;
}

const breakpoint = "--> statement-breakpoint";
/** What a statement may begin with that is not part of it. */
const leading = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/;
/** Larger pieces (loads of data) are sent as they stand: their syntax tree would not fit into memory. */
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
    const skip = leading.exec(piece)?.[0].length ?? 0;
    const text = piece.slice(skip).trimEnd();
    if (text !== "") statements.push(...(await split({ text, offset: start + skip }, script)));
    start += piece.length + breakpoint.length;
  }
  return statements;
}

async function split(piece: Statement, script: Script): Promise<Statement[]> {
  if (piece.text.length > largest) return [piece];
  const bare = piece.text.replace(quoted, "");
  if (copy.test(bare)) throw refused(piece, script, "has no client to COPY from or to. Use insert");
  if (isPlainlyOne(bare)) return [piece];
  const trees = await parse(piece.text);
  if (trees === undefined) return [piece];

  const bytes = Buffer.from(piece.text);
  return trees.map(({ stmt, stmt_location: at = 0, stmt_len: length }) => {
    const end = length === undefined ? bytes.length : at + length;
    const before = bytes.subarray(0, at).toString().length;
    const whole = bytes.subarray(at, end).toString();
    const skip = leading.exec(whole)?.[0].length ?? 0;
    const statement = { text: whole.slice(skip), offset: piece.offset + before + skip };
    if (stmt !== undefined && "TransactionStmt" in stmt) throw refused(statement, script, ownTransaction);
    return statement;
  });
}

/** Texts, names and comments in their simple forms. */
const quoted = /\$(\w*)\$[\s\S]*?\$\1\$|'[^'\\]*'|"[^"]*"|--[^\n]*/g;
const transaction = /^(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b/i;
/** Either would wait for ever for the other side. */
const copy = /(^|;)\s*copy\b[^;]*\b(from\s+stdin|to\s+stdout)\b/i;
const ownTransaction =
  'runs in a transaction of its own, and must not begin or end one. Remove the statement, or begin the file with "-- migrate: no-transaction"';

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

/** Line and column of a statement, or of `position` in it (characters from 1, as PostgreSQL reports it). */
export function placeOf(script: Script, statement: Statement, position = 1): Place {
  // PostgreSQL counts characters, JavaScript UTF-16 units.
  const into = [...statement.text].slice(0, position - 1).join("").length;
  const at = statement.offset + into;
  const lineStart = script.sql.lastIndexOf("\n", at - 1) + 1;
  const lineEnd = script.sql.indexOf("\n", at);
  return {
    file: script.file,
    line: script.sql.slice(0, at).split("\n").length,
    column: at - lineStart + 1,
    text: script.sql.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).trimEnd(),
  };
}
