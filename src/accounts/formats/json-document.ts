import { StringDecoder } from "node:string_decoder";
import { ImportExportError } from "../errors.ts";
import type { Mapping } from "../import/mapping.ts";
import { type Line, longestRow, tooLong } from "./fields.ts";
import { jsonRow } from "./json-row.ts";

/**
 * The users of a JSON document: an array of them, or an object that has such an array as `users`; also users, and such
 * documents (the pages of an API), one behind the other. Element by element, so that memory does not grow with the document.
 *
 * @throws {ImportExportError} when the document ends before its end, or has no users
 */
export async function* readJson(bytes: AsyncIterable<Buffer>, mapping: Mapping): AsyncGenerator<Line> {
  for await (const { line, text } of elementsOf(bytes)) {
    if (text === undefined) yield { line, fault: tooLong };
    else yield { line, ...jsonRow(text, mapping) };
  }
}

interface Element {
  readonly line: number;
  /** Undefined: it is longer than a row may be. */
  readonly text: string | undefined;
}

/** By its brackets alone: whether an element is JSON is seen when it is parsed. */
async function* elementsOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Element> {
  const decoder = new StringDecoder("utf8");
  let line = 1;
  let depth = 0;
  /** Where elements are: an object at the root is one until its array of users is met. */
  let level = 0;
  let [inString, escaped, isScalar, wasKey] = [false, false, false, false];
  let string = "";
  let element: { line: number; parts: string[]; length: number } | undefined;
  let seen = false;
  const isInside = () => level === 1 || level === 2;

  for await (const chunk of bytes) {
    const text = decoder.write(chunk);
    let from = 0;
    const keep = (end: number) => {
      if (element === undefined) return;
      element.length += end - from;
      if (element.length <= longestRow) element.parts.push(text.slice(from, end));
    };
    const end = (at: number): Element => {
      keep(at);
      const { line, parts, length } = element as NonNullable<typeof element>;
      element = undefined;
      isScalar = false;
      return { line, text: length > longestRow ? undefined : parts.join("") };
    };
    const begin = (at: number) => {
      [element, from, seen] = [{ line, parts: [], length: 0 }, at, true];
    };
    const beginScalar = (at: number) => {
      if (element !== undefined || depth !== level) return;
      begin(at);
      isScalar = true;
    };
    for (let at = 0; at < text.length; at++) {
      const letter = text[at] as string;
      if (letter === "\n") line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (letter === "\\") escaped = true;
        else if (letter === '"') [inString, wasKey] = [false, true];
        else if (string.length < 6) string += letter;
        continue;
      }
      switch (letter) {
        case '"':
          beginScalar(at);
          [inString, string] = [true, ""];
          break;
        case "[":
        case "{":
          if (isScalar) yield end(at);
          if (letter === "[" && !isInside() && (depth === 0 || (depth === 1 && wasKey && /^users$/i.test(string)))) {
            [element, level, seen] = [undefined, depth + 1, true];
          } else if (element === undefined && depth === level) begin(at);
          depth++;
          wasKey = false;
          break;
        case "]":
        case "}":
          if (isScalar) yield end(at);
          depth--;
          if (depth < 0) throw broken(line, "has a bracket that closes nothing");
          if (element !== undefined && depth === level) yield end(at + 1);
          // Behind the users nothing is one, up to the next document, or to others of that name.
          else if (depth < level) level = depth === 0 ? 0 : Number.POSITIVE_INFINITY;
          wasKey = false;
          break;
        case ",":
          if (isScalar) yield end(at);
          wasKey = false;
          break;
        case " ":
        case "\n":
        case "\r":
        case "\t":
        case ":":
          break;
        default:
          beginScalar(at);
          wasKey = false;
      }
    }
    keep(text.length);
  }
  if (depth > 0 || inString) throw broken(line, "ends in the middle: is it cut off?");
  if (isScalar || !seen) throw broken(line, "is no array of users, and no object that has one as users.");
}

const broken = (line: number, what: string) =>
  new ImportExportError(`In or before line ${line} the JSON document ${what} Nothing behind it can be read.`);
