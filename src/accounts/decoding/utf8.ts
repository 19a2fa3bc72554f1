import { isUtf8 } from "node:buffer";
import { ImportExportError } from "../errors.ts";

/**
 * The same bytes, in whole characters.
 *
 * @throws {ImportExportError} with line and column for bytes that are not UTF-8, which would become U+FFFD in silence
 */
export async function* checkUtf8(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  /** Characters of the line before this chunk. */
  let before = 0;
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.length - unfinished(bytes);
    const whole = bytes.subarray(0, end);
    if (!isUtf8(whole)) throw notUtf8(whole, { line, before });
    for (let at = whole.indexOf(0x0a); at >= 0; at = whole.indexOf(0x0a, at + 1)) line++;
    const last = whole.lastIndexOf(0x0a);
    before = (last < 0 ? before : 0) + characters(whole.subarray(last + 1));
    rest = bytes.subarray(end);
    if (whole.length > 0) yield whole;
  }
  if (rest.length > 0) throw notUtf8(rest, { line, before });
}

/** Bytes at the end that begin a character and do not end it; 0 for those that no character has. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needed > back ? back : 0;
  }
  return 0;
}

/** In bytes of UTF-8: each but those that go on with one. */
function characters(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if ((byte & 0xc0) !== 0x80) count++;
  return count;
}

function notUtf8(bytes: Buffer, { line, before }: { line: number; before: number }): ImportExportError {
  const at = firstFault(bytes);
  const sound = bytes.subarray(0, at);
  const last = sound.lastIndexOf(0x0a);
  const row = line + sound.filter((byte) => byte === 0x0a).length;
  const column = (last < 0 ? before : 0) + characters(sound.subarray(last + 1)) + 1;
  const byte = bytes[at] ?? 0;
  const letter = new TextDecoder("windows-1252").decode(Uint8Array.of(byte));
  const shown = byte >= 0xa0 ? `, in Windows-1252 and Latin-1 ${letter}` : "";
  return new ImportExportError(
    `It is not UTF-8: line ${row}, column ${column} has the byte 0x${byte.toString(16).toUpperCase()}${shown}. ` +
      "Convert it: iconv -f windows-1252 -t utf-8 OLD > NEW",
  );
}

/** The longest beginning that is UTF-8, and the byte behind it. */
function firstFault(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (!isUtf8(bytes.subarray(at, at + length)) || at + length > bytes.length) return at;
    at += length;
  }
  return 0;
}
