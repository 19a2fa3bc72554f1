import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { codeOf } from "../../database/index.ts";
import { describePlace, placeIn } from "../sql/position.ts";

/** The text of a file and its byte order mark (empty when absent), or a fault with its place. */
export type FileText = { readonly text: string; readonly mark: string } | { readonly fault: string };

/**
 * Reads a file strictly as UTF-8. A lenient decoder would replace an invalid byte with U+FFFD, and PostgreSQL would
 * ignore everything after a NUL byte.
 *
 * @param name the file's name in messages
 */
export function readTextFile(path: string, name: string): FileText {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return { fault: `${name} cannot be read (${code})` };
  }
  return decodeFile(bytes, name);
}

/** Decodes the bytes of a file as `readTextFile` does. */
export function decodeFile(bytes: Buffer, name: string): FileText {
  const other = otherFormat(bytes);
  if (other !== undefined) return { fault: `${name}:1:1: the file is ${other}` };
  if (!isUtf8(bytes)) return { fault: invalidByte(bytes, name) };
  const decoded = bytes.toString("utf8");
  const mark = decoded.startsWith(byteOrderMark) ? byteOrderMark : "";
  const text = decoded.slice(mark.length);
  const nul = text.indexOf("\0");
  if (nul === -1) return { text, mark };
  const place = describePlace(placeIn(name, text, nul));
  return { fault: `${place}: a NUL byte, which ends a text in PostgreSQL: remove it` };
}

const byteOrderMark = "\ufeff";
const toUtf8 = (encoding: string) => `Convert it to UTF-8: iconv -f ${encoding} -t utf-8 OLD > NEW`;
const powershell = "(PowerShell 5 writes it with >). ";

/** File formats by their first bytes. UTF-32 precedes UTF-16, because its mark begins with the mark of UTF-16. */
const signatures: readonly (readonly [bytes: string, description: string])[] = [
  ["fffe0000", `UTF-32 and not UTF-8. ${toUtf8("UTF-32")}`],
  ["0000feff", `UTF-32 and not UTF-8. ${toUtf8("UTF-32")}`],
  ["fffe", `UTF-16 and not UTF-8 ${powershell}${toUtf8("UTF-16")}`],
  ["feff", `UTF-16 and not UTF-8. ${toUtf8("UTF-16")}`],
  ["1f8b", "compressed with gzip. Unpack it with gunzip"],
  ["425a68", "compressed with bzip2. Unpack it with bunzip2"],
  ["fd377a585a00", "compressed with xz. Unpack it with unxz"],
  ["28b52ffd", "compressed with zstd. Unpack it with unzstd"],
  ["504b0304", "a ZIP archive. Unpack it"],
  ["5047444d50", "a pg_dump archive. Convert it to SQL: pg_restore --file NEW OLD"],
];

function otherFormat(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 8).toString("hex");
  const known = signatures.find(([signature]) => start.startsWith(signature))?.[1];
  return known ?? wideCharacters(bytes);
}

/** Detects UTF-16 and UTF-32 without a mark: the zero bytes of ASCII characters are always at the same offset. */
function wideCharacters(bytes: Buffer): string | undefined {
  const sample = bytes.subarray(0, 4096);
  const zeros = [0, 0, 0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 4] = (zeros[index % 4] ?? 0) + 1;
  const [first = 0, second = 0, third = 0, fourth = 0] = zeros;
  const most = sample.length / 4;
  if (sample.length >= 8 && second + third > 1.5 * most && first + fourth > 0.75 * most) {
    const encoding = first > fourth ? "UTF-32BE" : "UTF-32LE";
    return `UTF-32 and not UTF-8. ${toUtf8(encoding)}`;
  }
  const [even, odd] = [first + third, second + fourth];
  if (Math.max(even, odd) < 2 || Math.max(even, odd) < sample.length / 4 || Math.min(even, odd) > 0) return undefined;
  return even > odd ? `UTF-16 and not UTF-8. ${toUtf8("UTF-16BE")}` : `UTF-16 and not UTF-8. ${toUtf8("UTF-16LE")}`;
}

/** The place of the first invalid byte, and the character that it encodes in Windows-1252. */
function invalidByte(bytes: Buffer, name: string): string {
  // Binary search: when a prefix is invalid, so is every longer one.
  let [valid, invalid] = [0, bytes.length + 1];
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (decodeStart(bytes, middle) === undefined) invalid = middle;
    else valid = middle;
  }
  const start = decodeStart(bytes, valid) ?? "";
  const byte = bytes[Buffer.byteLength(start)] ?? 0;
  const before = start.startsWith(byteOrderMark) ? start.slice(1) : start;
  const place = describePlace(placeIn(name, before, before.length));
  // From 0xa0 on, Windows-1252 equals Latin-1, whose codes are those of Unicode.
  const guess = byte < 0xa0 ? "" : `it should be "${String.fromCharCode(byte)}", `;
  return (
    `${place}: the byte 0x${byte.toString(16)} is not UTF-8. If ${guess}the file is Latin-1 ` +
    "(Windows-1252): iconv -f windows-1252 -t utf-8 OLD > NEW"
  );
}

/** Decodes the complete characters in the first `length` bytes; undefined when one of the bytes is invalid. */
function decodeStart(bytes: Buffer, length: number): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length), {
      stream: true,
    });
  } catch {
    return undefined;
  }
}
