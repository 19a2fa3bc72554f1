import { ImportExportError } from "../errors.ts";
import { maxRowBytes } from "../fields/field-values.ts";

/** The text of one user, not yet parsed. */
export interface JsonElement {
  /** Number of its first line, from 1. */
  readonly line: number;
  /** Undefined if it is longer than `maxRowBytes`. */
  readonly text: string | undefined;
}

interface OpenElement {
  readonly line: number;
  readonly isScalar: boolean;
  readonly parts: string[];
  length: number;
}

/** Characters between tokens; a colon changes nothing either. */
const insignificant: ReadonlySet<string> = new Set(" \n\r\t:");
const brackets: ReadonlySet<string> = new Set("[]{}");

/**
 * Finds the users in JSON documents by their brackets and strings. It does not validate an element; the parser of the
 * element does.
 *
 * Elements are direct children of an array at the root, or of an array `users` in an object at the root. An object at the
 * root without such an array is itself an element.
 */
export class JsonElementScanner {
  #chunk = "";
  #line = 1;
  #depth = 0;
  /** Depth at which elements begin: 0 at the root, 1 or 2 in an array of users, infinite after that array. */
  #elementDepth = 0;
  #element: OpenElement | undefined;
  /** Where the open element begins in this chunk. */
  #start = 0;
  #foundUsers = false;
  #inString = false;
  #escaped = false;
  /** First characters of the last string: enough to recognize the key `users`. */
  #lastString = "";
  /** Whether the last string was the last token, apart from a colon. */
  #isAfterString = false;

  /** Yields the elements that end in this chunk. @throws {ImportExportError} for an unmatched bracket */
  *scan(chunk: string): Generator<JsonElement, void, undefined> {
    this.#chunk = chunk;
    this.#start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const character = chunk[at] as string;
      if (character === "\n") this.#line++;
      if (this.#inString) this.#scanString(character);
      else {
        const element = this.#scanToken(character, at);
        if (element !== undefined) yield element;
      }
    }
    this.#append(chunk.length);
  }

  /** Ends the input. @throws {ImportExportError} if it is incomplete or has no users */
  end(): void {
    if (this.#depth > 0 || this.#inString) throw this.#fault("is incomplete: is it cut off?");
    if (this.#element !== undefined || !this.#foundUsers)
      throw this.#fault("must be an array of users, or an object with an array named users.");
  }

  #scanString(character: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (character === "\\") this.#escaped = true;
    else if (character === '"') {
      this.#inString = false;
      this.#isAfterString = true;
    } else if (this.#lastString.length <= "users".length) this.#lastString += character;
  }

  /** Returns the element that ends at this character. */
  #scanToken(character: string, at: number): JsonElement | undefined {
    if (insignificant.has(character)) return undefined;
    if (character === '"') {
      this.#beginScalar(at);
      this.#inString = true;
      this.#lastString = "";
      return undefined;
    }
    const isKeyOfUsers = this.#isAfterString && /^users$/i.test(this.#lastString);
    this.#isAfterString = false;
    if (character !== "," && !brackets.has(character)) {
      this.#beginScalar(at);
      return undefined;
    }
    const scalar = this.#endScalar(at);
    if (character === ",") return scalar;
    if (character === "[" || character === "{") {
      this.#open(at, { isUsersArray: character === "[" && this.#mayHoldUsers(isKeyOfUsers) });
      return scalar;
    }
    const container = this.#close(at);
    return scalar ?? container;
  }

  /** Whether an array that opens now is one of users, and not part of a user. */
  #mayHoldUsers(isKeyOfUsers: boolean): boolean {
    const isInsideUsers = this.#elementDepth === 1 || this.#elementDepth === 2;
    return !isInsideUsers && (this.#depth === 0 || (this.#depth === 1 && isKeyOfUsers));
  }

  #open(at: number, { isUsersArray }: { isUsersArray: boolean }): void {
    if (isUsersArray) {
      this.#element = undefined;
      this.#elementDepth = this.#depth + 1;
      this.#foundUsers = true;
    } else if (this.#element === undefined && this.#depth === this.#elementDepth) this.#begin(at, { isScalar: false });
    this.#depth++;
  }

  #close(at: number): JsonElement | undefined {
    this.#depth--;
    if (this.#depth < 0) throw this.#fault("has a closing bracket without an opening one.");
    if (this.#element !== undefined && this.#depth === this.#elementDepth) return this.#endElement(at + 1);
    if (this.#depth < this.#elementDepth) this.#elementDepth = this.#depth === 0 ? 0 : Number.POSITIVE_INFINITY;
    return undefined;
  }

  #begin(at: number, { isScalar }: { isScalar: boolean }): void {
    this.#element = { line: this.#line, isScalar, parts: [], length: 0 };
    this.#start = at;
    this.#foundUsers = true;
  }

  /** Begins an element that is a string, a number or a literal. It is no user, and its parser reports it. */
  #beginScalar(at: number): void {
    if (this.#element === undefined && this.#depth === this.#elementDepth) this.#begin(at, { isScalar: true });
  }

  #endScalar(at: number): JsonElement | undefined {
    return this.#element?.isScalar === true ? this.#endElement(at) : undefined;
  }

  #endElement(at: number): JsonElement {
    this.#append(at);
    const { line, parts, length } = this.#element as OpenElement;
    this.#element = undefined;
    return { line, text: length > maxRowBytes ? undefined : parts.join("") };
  }

  /** Collects the text of the open element up to `at`. */
  #append(at: number): void {
    if (this.#element === undefined) return;
    this.#element.length += at - this.#start;
    if (this.#element.length <= maxRowBytes) this.#element.parts.push(this.#chunk.slice(this.#start, at));
  }

  #fault(problem: string): ImportExportError {
    return new ImportExportError(
      `In or before line ${this.#line} the JSON document ${problem} The rest of the file cannot be read.`,
    );
  }
}
