import type { FieldMapping } from "../mapping/field-mapping.ts";

/** How a CSV file separates fields and rows. */
export interface CsvDialect {
  readonly delimiter: string;
  /** True: rows end with CR alone, as on classic Mac OS; false: with LF or CRLF. */
  readonly crOnly: boolean;
  /** Lines before the header: 1 for Excel's `sep=;`, else 0. */
  readonly skippedLines: number;
}

const delimiterNames: Readonly<Record<string, string>> = {
  ",": "a comma",
  ";": "a semicolon",
  "\t": "a tab",
  "|": "a vertical bar (|)",
};

/** The delimiter in words, for error messages. */
export const delimiterName = (delimiter: string): string => delimiterNames[delimiter] ?? JSON.stringify(delimiter);

/** Largest size of the first line (bytes). */
const maxHeaderBytes = 64 * 1024;

/** Detects the dialect from the first lines. `bytes` is the stream from the header on. */
export async function detectCsvDialect(
  input: AsyncIterable<Buffer>,
  mapping: FieldMapping,
): Promise<{ readonly dialect: CsvDialect; readonly bytes: AsyncIterable<Buffer> }> {
  const iterator = input[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  let ended = false;
  while (!ended && first.length < maxHeaderBytes && !hasTwoLines(first)) {
    const { value, done } = await iterator.next();
    if (done) ended = true;
    else first = Buffer.concat([first, value]);
  }
  const text = first.toString("latin1");
  const [separatorLine = "", separator] = /^sep=(.)(?:\r\n|\r|\n)/i.exec(text) ?? [];
  const rest = text.slice(separatorLine.length);
  const header = /[^\r\n]+/.exec(rest)?.[0] ?? "";
  async function* bytes(): AsyncGenerator<Buffer> {
    yield first.subarray(separatorLine.length);
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  const dialect = {
    delimiter: separator ?? detectDelimiter(header, mapping),
    crOnly: /\r\n|\r|\n/.exec(rest)?.[0] === "\r",
    skippedLines: separatorLine === "" ? 0 : 1,
  };
  return { dialect, bytes: bytes() };
}

/** Whether two line ends and a byte after them are there: `sep=;` and the header, with a CRLF that is not cut in half. */
const hasTwoLines = (bytes: Buffer): boolean => /[\r\n]+[^\r\n]+[\r\n]./s.test(bytes.toString("latin1"));

/** The delimiter that yields the most known column names, and among equals the most columns. */
function detectDelimiter(header: string, mapping: FieldMapping): string {
  const isKnown = (name: string) => mapping.fieldFor(name) !== undefined || mapping.preset?.hasColumn(name) === true;
  const [best] = Object.keys(delimiterNames)
    .map((delimiter) => {
      const names = header.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
      return { delimiter, columns: names.length, known: names.length > 1 ? names.filter(isKnown).length : 0 };
    })
    .sort((a, b) => b.known - a.known || b.columns - a.columns);
  return best?.delimiter ?? ",";
}
