import type { CsvError } from "csv-parse";
import { ImportExportError } from "../errors.ts";
import { maxRowBytes, type ParsedRow, type RowIssue } from "../fields/field-values.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import { type CsvDialect, detectCsvDialect } from "./csv-dialect.ts";
import { headerlessColumns, readHeader } from "./csv-header.ts";
import { parseCsv } from "./csv-parser.ts";
import { readCsvRow } from "./csv-row.ts";

/**
 * Reads the rows of CSV (RFC 4180, also with other delimiters and line ends). The first line names the fields. An empty
 * field, `NULL` and `\N` mean no value. A row without any value is skipped. A row that cannot be read yields an issue in
 * its place.
 *
 * @throws {ImportExportError} if the header is not one of users, or if quotes are not closed
 */
export async function* readCsv(input: AsyncIterable<Buffer>, mapping: FieldMapping): AsyncGenerator<ParsedRow> {
  const { dialect, bytes } = await detectCsvDialect(input, mapping);
  let columns = headerlessColumns(mapping);
  for await (const { record, error, info } of parseCsv(bytes, dialect)) {
    const lastLine = info.lines + dialect.skippedLines;
    if (record === undefined) {
      throwUnlessRowEnds(error, lastLine);
      yield { line: lastLine, issue: unquotedQuote };
    } else if (columns === undefined) columns = readHeader(record, { delimiter: dialect.delimiter, mapping });
    else if (record.some((text) => text !== ""))
      yield { line: lastLine - lineBreakCount(record, dialect), ...readCsvRow(record, { columns, dialect, mapping }) };
  }
  if (columns === undefined) throw new ImportExportError("The file has no first line with the names of the fields.");
}

/** Line breaks inside quoted fields. */
function lineBreakCount(record: readonly string[], { crOnly }: CsvDialect): number {
  const lineBreak = crOnly ? "\r" : "\n";
  return record.reduce((sum, text) => (text.includes(lineBreak) ? sum + text.split(lineBreak).length - 1 : sum), 0);
}

const unquotedQuote: RowIssue = {
  field: null,
  message: "has a quote inside of a field that is not quoted: quote the field, and double its quotes",
};

/**
 * Stops the import if quotes are not closed. The end of the row is then unknown: to continue with the next line could
 * import rows from the text of a player's metadata.
 */
function throwUnlessRowEnds(error: CsvError | undefined, line: number): void {
  if (error?.code === "INVALID_OPENING_QUOTE") return;
  const problem =
    error?.code === "CSV_MAX_RECORD_SIZE"
      ? `a row is longer than ${maxRowBytes} bytes: are its quotes closed?`
      : "quotes are not closed, or not doubled inside of others.";
  throw new ImportExportError(`In or before line ${line} ${problem} The rest of the file cannot be read.`);
}
