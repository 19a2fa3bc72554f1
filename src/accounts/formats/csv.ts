import { pipeline, Readable } from "node:stream";
import { type CsvError, type Info, type Parser, parse } from "csv-parse";
import { ImportExportError } from "../errors.ts";
import { fieldsOf, type Mapping, unknownField } from "../import/mapping.ts";
import { type CsvForm, csvFormOf, delimiterName } from "./csv-dialect.ts";
import { type FieldFault, type Fields, type Line, longestRow, readTextField, required, unreadable } from "./fields.ts";

/**
 * The rows of CSV (RFC 4180; with other delimiters and line ends, too) under a line of field names. An empty field is
 * one that is not given, and so is NULL or \N. A row without any is none. A row that cannot be read is
 * one with a fault, in its place among the others.
 *
 * @throws {ImportExportError} when the first line is not that of users
 */
export async function* readCsv(input: AsyncIterable<Buffer>, mapping: Mapping): AsyncGenerator<Line> {
  const form = await csvFormOf(input, mapping);
  const parser = openParser(form);
  let columns: Column[] | undefined = mapping.preset?.columns?.map((name) => ({ name, field: undefined }));
  for await (const { record, error, info } of parser as AsyncIterable<Parsed>) {
    const lines = info.lines + form.skipped;
    if (record === undefined) {
      requireEnd(error, lines);
      yield { line: lines, fault: strayQuote };
    } else if (columns === undefined) columns = header(record, form, mapping);
    else if (record.some((text) => text !== ""))
      yield { line: lines - breaks(record, form), ...row(record, columns, { form, mapping }) };
  }
  if (columns === undefined) throw new ImportExportError("There is no first line with the names of the fields.");
}

interface Parsed {
  readonly record?: string[];
  readonly error?: CsvError;
  readonly info: Pick<Info, "lines">;
}

/** A column, and the field that it is; null: it is left out; undefined: it is for the preset to read. */
interface Column {
  readonly name: string;
  readonly field: string | null | undefined;
}

function openParser({ delimiter, carriageReturns, bytes }: CsvForm): Parser {
  const parser: Parser = parse({
    bom: true,
    info: true,
    delimiter,
    record_delimiter: carriageReturns ? ["\r"] : ["\r\n", "\n"],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: longestRow,
    skip_records_with_error: true,
    // Pushed, and not emitted: so it keeps its place.
    on_skip: (error: CsvError | undefined) => parser.push({ error, info: { lines: error?.["lines"] } }),
  } as never);
  trimAsciiAlone(parser);
  // What fails comes out of the parser.
  pipeline(Readable.from(bytes, { objectMode: false }), parser, () => {});
  return parser;
}

/**
 * Nothing, as databases write it. With quotes or without: of all fields a username alone could be NULL, and the parser
 * tells quotes apart at three times the cost of a row.
 */
const isNothing = (text: string | undefined) => text === undefined || text === "" || text === "NULL" || text === "\\N";

/** It would take the spaces of Unicode away, too: an address with U+00A0 in front is another one, or none. */
function trimAsciiAlone(parser: Parser): void {
  const { state } = (parser as unknown as { api: { state: { timchars: Buffer[] } } }).api;
  state.timchars = state.timchars.filter((letter) => letter.length === 1 && (letter[0] ?? 0x80) < 0x80);
}

function header(record: readonly string[], { delimiter }: CsvForm, mapping: Mapping): Column[] {
  const taken = `(Columns are taken to be separated by ${delimiterName(delimiter)}.)`;
  const columns = record.map((given) => {
    const name = given.trim();
    const field = mapping.fieldNamed(name);
    if (field === undefined && mapping.preset === undefined)
      throw new ImportExportError(
        `The first line names the fields, and ${unknownField(name)}. Others are named with --map COLUMN=FIELD, or left out with --map COLUMN=. ${taken}`,
      );
    return { name, field };
  });
  const fields = columns.flatMap(({ field }) => field ?? []);
  const twice = fields.find((field, index) => fields.indexOf(field) !== index);
  if (twice !== undefined) throw new ImportExportError(`The first line names ${twice} twice. ${taken}`);
  if (mapping.preset !== undefined) {
    if (!columns.some(({ name }) => mapping.preset?.knows(name)))
      throw new ImportExportError(
        `The first line has no column of ${mapping.preset.name}, which has ${mapping.preset.names.join(", ")}. ${taken}`,
      );
    return columns;
  }
  const missing = required.filter((field) => !fields.includes(field));
  if (missing.length > 0)
    throw new ImportExportError(
      `The first line names the fields, and ${missing.join(", ")} (or in snake_case) must be among them. ${taken}`,
    );
  return columns;
}

function row(
  record: readonly string[],
  columns: readonly Column[],
  { form, mapping }: { form: CsvForm; mapping: Mapping },
): { fields: Fields } | { fault: FieldFault } {
  // Where there is no line of names, the last ones may be missing.
  const missing = mapping.preset?.columns !== undefined ? 0 : columns.length;
  if (record.length > columns.length || record.length < missing) {
    const other = form.delimiter === "," ? "" : `, separated by ${delimiterName(form.delimiter)}`;
    return { fault: { field: null, message: `has ${record.length} fields instead of ${columns.length}${other}` } };
  }
  if (mapping.preset !== undefined) {
    const given = Object.fromEntries(
      columns.map(({ name }, index) => [name, isNothing(record[index]) ? undefined : record[index]]),
    );
    return fieldsOf(given, mapping.preset, mapping);
  }
  const fields: Fields = {};
  for (const [index, { name, field }] of columns.entries()) {
    const text = record[index];
    if (text === undefined || (isNothing(text) && !(field === "username" && text === "NULL"))) continue;
    if (field === null) mapping.leaveOut(name);
    else if (field !== undefined) {
      const value = readTextField(field, text);
      if (value === undefined) return { fault: { field, message: unreadable(field) } };
      fields[field] = value;
    }
  }
  return { fields };
}

/** Line breaks inside of quotes. */
function breaks(record: readonly string[], { carriageReturns }: CsvForm): number {
  const end = carriageReturns ? "\r" : "\n";
  return record.reduce((sum, text) => (text.includes(end) ? sum + text.split(end).length - 1 : sum), 0);
}

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
  throw new ImportExportError(`In or before line ${line} ${what} Nothing behind them can be read.`);
}
