import { isUtf8 } from "node:buffer";
import { ImportExportError } from "../errors.ts";

const lineFeed = 0x0a;

/**
 * Returns the same bytes in chunks that end at a character boundary. Without this check a decoder would replace bytes
 * that are not UTF-8 by U+FFFD without an error.
 *
 * @throws {ImportExportError} with line and column, for the first byte that is not UTF-8
 */
export async function* validateUtf8(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  const position: Position = { line: 1, column: 1 };
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.length - incompleteLength(bytes);
    const complete = bytes.subarray(0, end);
    if (!isUtf8(complete)) throw invalidByte(complete, position);
    advance(position, complete);
    rest = bytes.subarray(end);
    if (complete.length > 0) yield complete;
  }
  if (rest.length > 0) throw invalidByte(rest, position);
}

/** Line and column, from 1, of the next character. */
interface Position {
  line: number;
  column: number;
}

function advance(position: Position, bytes: Buffer): void {
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) position.line++;
  const lastLine = bytes.lastIndexOf(lineFeed);
  position.column = (lastLine < 0 ? position.column : 1) + characterCount(bytes.subarray(lastLine + 1));
}

/** Bytes of an incomplete character at the end; 0 if the last character is complete or cannot be completed. */
function incompleteLength(bytes: Buffer): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    return characterLength(byte) > length ? length : 0;
  }
  return 0;
}

/** Bytes of the character that begins with this byte. */
function characterLength(firstByte: number): number {
  if (firstByte < 0x80) return 1;
  return firstByte >= 0xf0 ? 4 : firstByte >= 0xe0 ? 3 : 2;
}

function characterCount(bytes: Buffer): number {
  let count = 0;
  const isContinuation = (byte: number) => (byte & 0xc0) === 0x80;
  for (const byte of bytes) if (!isContinuation(byte)) count++;
  return count;
}

function invalidByte(bytes: Buffer, start: Position): ImportExportError {
  const at = validLength(bytes);
  const position = { ...start };
  advance(position, bytes.subarray(0, at));
  const byte = bytes[at] ?? 0;
  const letter = new TextDecoder("windows-1252").decode(Uint8Array.of(byte));
  const inLatin1 = byte >= 0xa0 ? `, in Windows-1252 and Latin-1 ${letter}` : "";
  return new ImportExportError(
    `The file is not UTF-8: line ${position.line}, column ${position.column} has the byte ` +
      `0x${byte.toString(16).toUpperCase()}${inLatin1}. Convert it: iconv -f windows-1252 -t utf-8 OLD > NEW`,
  );
}

/** Length of the longest prefix that is UTF-8. */
function validLength(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const end = at + characterLength(bytes[at] ?? 0);
    if (end > bytes.length || !isUtf8(bytes.subarray(at, end))) return at;
    at = end;
  }
  return 0;
}
