import { markInexactNumbers } from "./numbers.ts";

/** A JSON value with the text that it was read from: digits that a double drops, such as those of 1.0, are in the text. */
export class JsonText {
  readonly text: string;
  readonly value: unknown;

  private constructor(text: string, value: unknown) {
    this.text = text;
    this.value = value;
  }

  /** A number that no double holds becomes Infinity in the value. @throws {SyntaxError} for what is no JSON */
  static read(text: string): JsonText {
    return new JsonText(text, JSON.parse(markInexactNumbers(text)));
  }
}

/** An object as JSON, its texts of JSON as they are. Members without a value are left out, as `JSON.stringify` does. */
export function writeJson(object: Readonly<Record<string, unknown>>): string {
  const members: string[] = [];
  for (const [name, value] of Object.entries(object)) {
    const text = value instanceof JsonText ? value.text : JSON.stringify(value);
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

/** The text of one member of an object that is known to be JSON; undefined when it has none of this name. */
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
        // Of several the last one counts, as for JSON.parse.
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
