import { type Fields, fieldNamed, type Line, longestRow, tooLong, unknownField } from "./fields.ts";

/** The rows of JSON lines: an object a line. A line that is none is a row with a fault. */
export async function* readJsonLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let line = 0;
  for await (const text of linesOf(bytes)) {
    line++;
    if (text === undefined) yield { line, fault: tooLong };
    else if (text.trim() !== "") yield { line, ...row(text) };
  }
}

function row(text: string): { fields: Fields } | { fault: { field: string | null; message: string } } {
  const given = parse(text);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { fault: { field: null, message: "must be a JSON object" } };
  }
  const fields: Fields = {};
  for (const [name, value] of Object.entries(given)) {
    const field = fieldNamed(name);
    if (field === undefined) return { fault: { field: null, message: unknownField(name) } };
    if (field in fields) return { fault: { field, message: "is there twice" } };
    // As in CSV, where there is no other way to say so.
    if (value !== null) fields[field] = value;
  }
  return { fields };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const lineFeed = 0x0a;

/** Lines without their ends; undefined for one that is too long, of which no more is kept than that. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let first = true;
  const take = () => {
    const text = length > longestRow ? undefined : Buffer.concat(parts).toString();
    [parts, length] = [[], 0];
    const whole = first ? text?.replace(/^\uFEFF/, "") : text;
    first = false;
    return whole;
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
