import type { Mapping } from "../import/mapping.ts";
import { type Line, longestRow, tooLong } from "./fields.ts";
import { readJson } from "./json-document.ts";
import { jsonRow } from "./json-row.ts";

/** The rows of JSON lines: an object a line. A line that is none is a row with a fault. One document is read, too. */
export async function* readJsonLines(bytes: AsyncIterable<Buffer>, mapping: Mapping): AsyncGenerator<Line> {
  const iterator = bytes[Symbol.asyncIterator]();
  const { value, done } = await iterator.next();
  if (done) return;
  async function* all(): AsyncGenerator<Buffer> {
    yield value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  if (isDocument(value)) return yield* readJson(all(), mapping);
  let line = 0;
  for await (const text of linesOf(all())) {
    line++;
    if (text === undefined) yield { line, fault: tooLong };
    else if (text.trim() !== "") yield { line, ...jsonRow(text, mapping) };
  }
}

/** An array, or an object that is spread over several lines or has users in it. */
const isDocument = (first: Buffer): boolean => /^\s*(?:\[|\{\s*(?:\n|"users"\s*:))/i.test(first.toString("latin1"));

const lineFeed = 0x0a;

/** Lines without their ends; undefined for one that is too long, of which no more is kept than that. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = () => {
    const text = length > longestRow ? undefined : Buffer.concat(parts).toString();
    [parts, length] = [[], 0];
    return text;
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, from);
      const part = chunk.subarray(from, end < 0 ? undefined : end);
      length += part.length;
      if (length <= longestRow) parts.push(part);
      if (end < 0) break;
      yield take();
      from = end + 1;
    }
  }
  if (length > 0) yield take();
}
