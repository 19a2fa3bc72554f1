import { maxRowBytes, type ParsedRow, rowTooLong } from "../fields/field-values.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import { readJsonDocument } from "./json-document.ts";
import { readJsonRow } from "./json-row.ts";

/**
 * Reads the rows of JSON lines, one object per line. A line that is not an object yields an issue. Input that begins like
 * a JSON document is read as one.
 */
export async function* readJsonLines(bytes: AsyncIterable<Buffer>, mapping: FieldMapping): AsyncGenerator<ParsedRow> {
  const iterator = bytes[Symbol.asyncIterator]();
  const { value: first, done } = await iterator.next();
  if (done) return;
  async function* all(): AsyncGenerator<Buffer> {
    yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  if (isDocument(first)) return yield* readJsonDocument(all(), mapping);
  let line = 0;
  for await (const text of linesOf(all())) {
    line++;
    if (text === undefined) yield { line, issue: rowTooLong };
    else if (text.trim() !== "") yield { line, ...readJsonRow(text, mapping) };
  }
}

/** Whether the input begins with an array, with an object over several lines, or with an object that has `users` first. */
const isDocument = (first: Buffer): boolean => /^\s*(?:\[|\{\s*(?:\n|"users"\s*:))/i.test(first.toString("latin1"));

const lineFeed = 0x0a;

/** Lines without line feeds. A line longer than `maxRowBytes` is undefined, and its text is not collected. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  const endLine = () => {
    const text = length > maxRowBytes ? undefined : Buffer.concat(parts).toString();
    [parts, length] = [[], 0];
    return text;
  };
  for await (const chunk of bytes) {
    for (let start = 0, end = 0; end >= 0; start = end + 1) {
      end = chunk.indexOf(lineFeed, start);
      const part = chunk.subarray(start, end < 0 ? undefined : end);
      length += part.length;
      if (length <= maxRowBytes) parts.push(part);
      if (end >= 0) yield endLine();
    }
  }
  if (length > 0) yield endLine();
}
