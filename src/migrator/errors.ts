import { OperatorError } from "../errors.ts";
import type { Place } from "./sql/position.ts";

export type { Place } from "./sql/position.ts";

/**
 * A migrator command cannot continue. The message tells the operator what is wrong, where, what state the database is
 * in, and the remedy.
 */
export class MigrationError extends OperatorError {
  /** Appends the current state of the database to the message. @returns this error */
  leaving(state: string): this {
    this.message += `\n${state}`;
    return this;
  }
}

/** The migrations folder cannot be used: a file is missing or unreadable, or the journal and the files disagree. */
export class FolderError extends MigrationError {
  readonly faults: readonly string[];

  constructor(folder: string, faults: readonly string[]) {
    super(`The migrations in ${folder} cannot be used:${faults.map((fault) => `\n  - ${fault}`).join("")}`);
    this.faults = faults;
  }
}

/** The database and the migrations folder disagree; the operator must decide how to proceed. */
export class DriftError extends MigrationError {}

/** A lock was not available within `lockWait`. */
export class LockWaitError extends MigrationError {}

/** The caller's signal stopped the command; the running transaction was rolled back. */
export class StoppedError extends MigrationError {}

/** A statement of a migration failed. */
export class StatementError extends MigrationError {
  readonly tag: string;
  readonly place: Place;
  readonly sqlstate: string | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(tag: string, place: Place, cause: Error & Partial<PostgresFields>, remedy?: string | undefined) {
    const { code, detail, hint, internal_query: query, where } = cause;
    super(
      [
        `${place.file}:${place.line}:${place.column}: ${cause.message}${code === undefined ? "" : ` (${code})`}`,
        ...excerpt(place),
        ...[
          ["detail", detail],
          ["hint", hint],
          ["query", query],
          ["where", where],
          ["remedy", remedy],
        ].flatMap(([name, text]) => (text ? [`  ${name}: ${text.replaceAll("\n", "\n    ")}`] : [])),
      ].join("\n"),
      { cause },
    );
    this.tag = tag;
    this.place = place;
    this.sqlstate = code;
    this.detail = detail;
    this.hint = hint;
  }

  override get details() {
    const { tag, sqlstate, detail, hint } = this;
    const { file, line, column } = this.place;
    return { tag, file, line, column, sqlstate, detail, hint };
  }
}

interface PostgresFields {
  code: string;
  detail: string;
  hint: string;
  /** The query that failed inside a function. */
  internal_query: string;
  /** The call stack of the failed function. */
  where: string;
}

/** The line and a caret below the column. A long line is cut to 160 characters around the caret. */
function excerpt({ line, column, text }: Place): string[] {
  const from = Math.max(0, column - 81);
  const shown = [...text]
    .slice(from, from + 160)
    .join("")
    .replaceAll("\t", " ");
  const gutter = `  ${line} | `;
  return [`${gutter}${shown}`, `${" ".repeat(gutter.length + column - 1 - from)}^`];
}
