import { MigrationError } from "../errors.ts";
import { findUncommittedEnumUses } from "../lint/enum-values.ts";
import { forbiddenReason } from "../lint/forbidden-statements.ts";
import { cutsComment, type Piece, splitAtBreakpoints } from "../sql/breakpoints.ts";
import { parse } from "../sql/grammar.ts";
import { describePlace, type Place, placeIn } from "../sql/position.ts";
import { describeCommand, describeVariable } from "../sql/psql.ts";
import { readStatement, type Span } from "../sql/split.ts";
import { findInvisibleCharacters } from "./characters.ts";
import { misplacedDirectives } from "./directives.ts";
import type { Script } from "./folder.ts";

/** One statement of a script, without the semicolon that ends it. */
export interface Statement {
  readonly text: string;
  /** Offset in the file (UTF-16 code units). */
  readonly offset: number;
  /** The first words outside parentheses, in lower case. */
  readonly words: readonly string[];
  /** The line comments before it, each on a line of its own. */
  readonly comments: readonly string[];
}

/** The statements of a script, and its faults. */
export interface Reading {
  readonly statements: readonly Statement[];
  /** Why the script must not run, each with its place. Reading stops at a fault that hides the end of a statement. */
  readonly faults: readonly string[];
}

const readings = new WeakMap<Script, Promise<Reading>>();

/** Parses a script without running it; the result is cached. */
export function readScript(script: Script): Promise<Reading> {
  const known = readings.get(script);
  if (known !== undefined) return known;
  const reading = read(script);
  readings.set(script, reading);
  return reading;
}

/**
 * Returns the statements of a script as the server would execute them, one by one, so that an error has a line number.
 *
 * @throws {MigrationError} with the place and remedy of every fault of the script
 */
export async function statementsOf(script: Script): Promise<readonly Statement[]> {
  const { statements, faults } = await readScript(script);
  if (faults.length > 0) throw new MigrationError(faults.join("\n"));
  return statements;
}

async function read(script: Script): Promise<Reading> {
  const statements: Statement[] = [];
  const faults: string[] = misplacedDirectives(script);
  const pieces = splitAtBreakpoints(script.sql);
  for (const [index, piece] of pieces.entries()) {
    for await (const span of spansOf(piece)) {
      const statement = statementOf(piece, span);
      const fault = boundaryFault(script, piece, span);
      if (fault !== undefined) return { statements, faults: [...faults, fault] };
      statements.push(statement);
      const refusal = forbiddenReason(statement, script) ?? (await variableFault(script, piece, span));
      // Consecutive faults often share one remedy, such as those of a BEGIN and its COMMIT.
      const isRepeated = faults.some((fault) => fault.split("\n")[1] === (refusal?.split("\n")[1] ?? "-"));
      if (refusal !== undefined && !isRepeated) faults.push(refusal);
      // Rows, which are not SQL, may follow a COPY.
      if (statement.words[0] === "copy" && refusal !== undefined) return { statements, faults };
    }
    if (cutsComment(piece, pieces[index + 1])) {
      const place = placeAt(script, piece.breakpoint ?? 0);
      return { statements, faults: [...faults, `${place}: ${marker} is inside a comment. ${splits}`] };
    }
  }
  faults.push(...findInvisibleCharacters(script, statements), ...(await findUncommittedEnumUses(script, statements)));
  return { statements, faults };
}

const marker = '"--> statement-breakpoint"';
const splits =
  "drizzle-kit splits the file at every occurrence, and the rest of the line would run as SQL: change the text, or put the breakpoint on a line of its own.";

async function* spansOf(piece: Piece): AsyncGenerator<Span> {
  for (let at = 0; ; ) {
    const span = readStatement(piece.text, at);
    if (span === undefined) return;
    const next = span.atomic ? await endOfRoutine(piece.text, span) : span.next;
    yield next === span.next ? span : { ...span, next, end: endBefore(piece.text, next) };
    if (span.fault !== undefined) return;
    at = next;
  }
}

/** The end of a statement without its semicolon and the blanks before it. */
const endBefore = (text: string, next: number) => text.slice(0, next).replace(/[\s;]+$/, "").length;

/** The end of a routine with a body in SQL. Only the grammar distinguishes its END from a column named "end". */
async function endOfRoutine(text: string, { start, next }: Span): Promise<number> {
  for (let end = next, tries = 0; ; end = text.indexOf(";", end) + 1, tries += 1) {
    // A text that does not parse yet may parse up to the next semicolon.
    const trees = await parse(text.slice(start, end));
    if (trees !== undefined) {
      const length = trees[0]?.stmt_len;
      return length === undefined
        ? end
        : start + Buffer.from(text.slice(start, end)).subarray(0, length).toString().length;
    }
    if (tries === 100 || !text.includes(";", end)) return next;
  }
}

function statementOf(piece: Piece, { start, end, words, comments }: Span): Statement {
  const own = comments.filter((comment) => isFirstInLine(piece.text, comment.start));
  return {
    text: piece.text.slice(start, end),
    offset: piece.offset + start,
    words,
    comments: own.map((comment) => piece.text.slice(comment.start, comment.end)),
  };
}

function isFirstInLine(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === " " || text[before] === "\t") before -= 1;
  return before < 0 || text[before] === "\n" || text[before] === "\r";
}

const unterminated = {
  string: "quoted string",
  "dollar string": "dollar-quoted string",
  "quoted name": "quoted identifier",
  "block comment": "/* comment",
} as const;

/** Why the end of a statement cannot be determined; undefined when it can. */
function boundaryFault(script: Script, piece: Piece, { fault }: Span): string | undefined {
  if (fault === undefined) return undefined;
  const { kind, token } = fault;
  const place = placeAt(script, piece.offset + token.start);
  if (kind === "backslash") return `${place}: ${describeCommand(piece.text, token.start)}`;
  if (kind === "unclosed" && piece.breakpoint === undefined) return undefined;
  const what =
    kind === "unclosed"
      ? "what begins here is not closed"
      : `unterminated ${unterminated[token.kind as keyof typeof unterminated]}`;
  if (piece.breakpoint === undefined) return `${place}: ${what}`;
  const line = placeIn(script.file, script.sql, piece.breakpoint).line;
  return `${place}: ${what} before the ${marker} in line ${line}. drizzle-kit splits the file at every occurrence: move the breakpoint, or change the text.`;
}

async function variableFault(
  script: Script,
  piece: Piece,
  { start, end, variable }: Span,
): Promise<string | undefined> {
  // JSON constructors and array slices contain a colon, too: a statement that parses has no psql variable.
  if (variable === undefined || (await parse(piece.text.slice(start, end))) !== undefined) return undefined;
  return `${placeAt(script, piece.offset + variable.start)}: ${describeVariable(piece.text, variable.start)}`;
}

const placeAt = (script: Script, offset: number) => describePlace(placeIn(script.file, script.sql, offset));

/** The place of `position` in a statement (characters from 1, as PostgreSQL reports it); its start by default. */
export function placeOf(script: Script, statement: Pick<Statement, "text" | "offset">, position = 1): Place {
  // PostgreSQL counts characters, JavaScript UTF-16 code units.
  const into = [...statement.text].slice(0, position - 1).join("").length;
  return placeIn(script.file, script.sql, statement.offset + into);
}
