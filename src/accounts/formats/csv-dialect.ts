import type { Mapping } from "../import/mapping.ts";

/** How a file of CSV is written. */
export interface CsvForm {
  readonly delimiter: string;
  /** Lines end with CR alone, as on the first Macs, and not with LF or CRLF. */
  readonly carriageReturns: boolean;
  /** Lines in front of the header, `sep=;` of Excel. */
  readonly skipped: number;
  /** The bytes behind those lines. */
  readonly bytes: AsyncIterable<Buffer>;
}

const delimiters = [",", ";", "\t", "|"] as const;

export const delimiterName = (delimiter: string): string =>
  ({ ",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar (|)" })[delimiter] ?? JSON.stringify(delimiter);

/** Bytes in which the first line must end. */
const longestHeader = 64 * 1024;

/** Finds out from the first line how the others are written. */
export async function csvFormOf(input: AsyncIterable<Buffer>, mapping: Mapping): Promise<CsvForm> {
  const iterator = input[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  // Two line ends: behind `sep=` comes the header; and CR and LF may be apart.
  let ended = false;
  while (!ended && first.length < longestHeader && !/[\r\n]+[^\r\n]+[\r\n]./s.test(first.toString("latin1"))) {
    const { value, done } = await iterator.next();
    if (done) ended = true;
    else first = Buffer.concat([first, value]);
  }
  const text = first.toString("latin1");
  const [sep = "", given] = /^sep=(.)(?:\r\n|\r|\n)/i.exec(text) ?? [];
  const head = text.slice(sep.length);
  const header = /[^\r\n]+/.exec(head)?.[0] ?? "";
  const end = /\r\n|\r|\n/.exec(head)?.[0];
  async function* bytes(): AsyncGenerator<Buffer> {
    yield first.subarray(sep.length);
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return {
    delimiter: given ?? delimiterOf(header, mapping),
    carriageReturns: end === "\r",
    skipped: sep === "" ? 0 : 1,
    bytes: bytes(),
  };
}

/** The one that gives the most names of fields; of those that give as many, the one that is there most often. */
function delimiterOf(header: string, mapping: Mapping): string {
  const [best] = delimiters
    .map((delimiter) => {
      const names = header.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
      const fields = names.filter((name) => mapping.fieldNamed(name) !== undefined || mapping.preset?.knows(name));
      return { delimiter, known: names.length > 1 ? fields.length : 0, columns: names.length };
    })
    .sort((a, b) => b.known - a.known || b.columns - a.columns);
  return best?.delimiter ?? ",";
}
