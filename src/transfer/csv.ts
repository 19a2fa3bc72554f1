import { pipeline, type Readable } from "node:stream";
import { type CsvError, type Info, type Parser, parse } from "csv-parse";
import { TransferError } from "./errors.ts";
import { type Fields, fieldNamed, type Line, longestRow, required, unknownField } from "./fields.ts";

/**
 * The rows of CSV (RFC 4180; LF, too) under a line of field names. An empty field is one that is not given. A row
 * that cannot be read is one with a fault, in its place among the others.
 *
 * @throws {TransferError} when the first line is not that of users
 */
export async function* readCsv(bytes: Readable): AsyncGenerator<Line> {
  const parser: Parser = parse({
    bom: true,
    info: true,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
    skip_records_with_error: true,
    // Pushed, and not emitted: so it keeps its place.
    on_skip: (error: CsvError | undefined) => parser.push({ error, info: { lines: error?.["lines"] } }),
  } as never);
  // What fails comes out of the parser.
  pipeline(bytes, parser, () => {});

  let columns: string[] | undefined;
  for await (const { record, error, info } of parser as AsyncIterable<Parsed>) {
    if (record === undefined) {
      requireEnd(error, info.lines);
      yield { line: info.lines, fault: strayQuote };
    } else if (columns === undefined) columns = header(record);
    else yield { line: info.lines - breaks(record), ...row(record, columns) };
  }
  if (columns === undefined) throw new TransferError("There is no first line with the names of the fields.");
}

interface Parsed {
  readonly record?: string[];
  readonly error?: CsvError;
  readonly info: Pick<Info, "lines">;
}

function header(record: string[]): string[] {
  const columns = record.map((name) => {
    const field = fieldNamed(name.trim());
    if (field === undefined) throw new TransferError(`The first line names the fields, and ${unknownField(name)}.`);
    return field;
  });
  const twice = columns.find((field, index) => columns.indexOf(field) !== index);
  if (twice !== undefined) throw new TransferError(`The first line names ${twice} twice.`);
  const missing = required.filter((field) => !columns.includes(field));
  if (missing.length > 0)
    throw new TransferError(
      `The first line names the fields, and ${missing.join(", ")} (or in snake_case) must be among them.`,
    );
  return columns;
}

function row(
  record: string[],
  columns: string[],
): { fields: Fields } | { fault: { field: string | null; message: string } } {
  if (record.length !== columns.length) {
    return { fault: { field: null, message: `has ${record.length} fields instead of ${columns.length}` } };
  }
  const fields: Fields = {};
  for (const [index, field] of columns.entries()) {
    const text = record[index];
    if (text === undefined || text === "") continue;
    const read = readers[field];
    const value = read === undefined ? text : read(text);
    if (value === undefined) return { fault: { field, message: messages[field] ?? "cannot be read" } };
    fields[field] = value;
  }
  return { fields };
}

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  metadata: (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  },
  // As programs write it, and psql.
  emailVerified: (text) => ({ true: true, t: true, "1": true, false: false, f: false, "0": false })[text.toLowerCase()],
};

const messages: Readonly<Record<string, string>> = { metadata: "must be JSON", emailVerified: "must be true or false" };

/** Line breaks inside of quotes. */
const breaks = (record: readonly string[]): number =>
  record.reduce((sum, text) => (text.includes("\n") ? sum + text.split("\n").length - 1 : sum), 0);

const strayQuote = {
  field: null,
  message: "has a quote inside of a field: such a field is quoted, and its quotes are doubled",
};

/**
 * Where quotes do not close, nobody can tell what behind them is a row and what is inside of one: to guess would be
 * to let somebody's metadata write rows.
 */
function requireEnd(error: CsvError | undefined, line: number): void {
  if (error?.code === "INVALID_OPENING_QUOTE") return;
  const what =
    error?.code === "CSV_MAX_RECORD_SIZE"
      ? `a row is longer than ${longestRow} bytes: are its quotes closed?`
      : "quotes are not closed, or not doubled inside of others.";
  throw new TransferError(`In or before line ${line} ${what} Nothing behind them can be read.`);
}
