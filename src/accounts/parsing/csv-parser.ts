import { pipeline, Readable } from "node:stream";
import { type CsvError, type Info, type Parser, parse } from "csv-parse";
import { maxRowBytes } from "../fields/field-values.ts";
import type { CsvDialect } from "./csv-dialect.ts";

/** A record of the parser, or the error in its place; `info.lines` is the number of its last line. */
export interface CsvRecord {
  readonly record?: string[];
  readonly error?: CsvError;
  readonly info: Pick<Info, "lines">;
}

/** Splits CSV into records. A record that cannot be parsed becomes an error among the other records. */
export function parseCsv(bytes: AsyncIterable<Buffer>, { delimiter, crOnly }: CsvDialect): AsyncIterable<CsvRecord> {
  const parser: Parser = parse({
    bom: true,
    info: true,
    delimiter,
    record_delimiter: crOnly ? ["\r"] : ["\r\n", "\n"],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: maxRowBytes,
    skip_records_with_error: true,
    // Pushes the error into the output, so that it keeps its position among the records.
    on_skip: (error: CsvError | undefined) => parser.push({ error, info: { lines: error?.["lines"] } }),
  } as never);
  trimAsciiOnly(parser);
  // A failure of the input destroys the parser with its error, which the reader of the parser receives.
  pipeline(Readable.from(bytes, { objectMode: false }), parser, () => {});
  return parser as AsyncIterable<CsvRecord>;
}

/** Makes the parser keep Unicode spaces. An address with U+00A0 in front is not the address without it. */
function trimAsciiOnly(parser: Parser): void {
  const { state } = (parser as unknown as { api: { state: { timchars: Buffer[] } } }).api;
  state.timchars = state.timchars.filter((character) => character.length === 1 && (character[0] ?? 0x80) < 0x80);
}
