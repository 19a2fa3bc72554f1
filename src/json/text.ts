import { markInexactNumbers } from "./numbers.ts";

/** A JSON value with its source text, which preserves digits that a double drops, such as those of 1.0. */
export class JsonText {
  readonly text: string;
  readonly value: unknown;

  private constructor(text: string, value: unknown) {
    this.text = text;
    this.value = value;
  }

  /** Parses a text. An inexact number becomes Infinity in `value`. @throws {SyntaxError} for invalid JSON */
  static read(text: string): JsonText {
    return new JsonText(text, JSON.parse(markInexactNumbers(text)));
  }
}

/** Writes an object as JSON and inserts each JsonText unchanged. Like `JSON.stringify`, it omits undefined members. */
export function writeJson(object: Readonly<Record<string, unknown>>): string {
  const members: string[] = [];
  for (const [name, value] of Object.entries(object)) {
    const text = value instanceof JsonText ? value.text : JSON.stringify(value);
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

/** Returns the source text of a member of a JSON object, undefined if there is none. The text must be valid JSON. */
export function memberText(json: string, name: string): string | undefined {
  let found: string | undefined;
  let [depth, key, start] = [0, "", -1];
  for (let at = 0; at < json.length; at++) {
    const letter = json[at];
    if (letter === '"') {
      const end = endOfString(json, at);
      if (depth === 1 && start < 0) key = JSON.parse(json.slice(at, end + 1));
      at = end;
    } else if (letter === "{" || letter === "[") depth++;
    else if (letter === ":" && depth === 1 && start < 0) start = at + 1;
    else if (letter === "}" || letter === "]" || letter === ",") {
      if (depth === 1 && start >= 0) {
        // The last of duplicate members wins, as in JSON.parse.
        if (key === name) found = json.slice(start, at).trim();
        start = -1;
      }
      if (letter !== ",") depth--;
    }
  }
  return found;
}

function endOfString(json: string, opening: number): number {
  let at = opening + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at;
}
