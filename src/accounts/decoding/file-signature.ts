import { ImportExportError } from "../errors.ts";

/** Encodings that an import decodes. `text` is UTF-8 or any encoding of which ASCII is a part. */
export type FileEncoding = "text" | "gzip" | "utf-16le" | "utf-16be";

interface UnsupportedFormat {
  readonly signature: readonly number[];
  readonly description: string;
  readonly remedy: string;
}

const utf32 = { description: "UTF-32", remedy: "Convert it: iconv -f utf-32 -t utf-8 OLD > NEW" };
const exportAgain = "Export the accounts as CSV or JSON lines";

const unsupportedFormats: readonly UnsupportedFormat[] = [
  {
    signature: [0x50, 0x4b, 0x03, 0x04],
    description: "an Excel workbook (.xlsx) or another ZIP archive",
    remedy: "Save the sheet as CSV UTF-8, or unpack the archive",
  },
  { signature: [0x50, 0x4b, 0x05, 0x06], description: "an empty ZIP archive", remedy: "Export it again" },
  {
    signature: [0xd0, 0xcf, 0x11, 0xe0],
    description: "an Excel workbook of the format before 2007 (.xls)",
    remedy: "Save the sheet as CSV UTF-8",
  },
  { signature: [...Buffer.from("%PDF")], description: "a PDF document", remedy: exportAgain },
  {
    signature: [0x28, 0xb5, 0x2f, 0xfd],
    description: "compressed with Zstandard",
    remedy: "Decompress it: zstd -d FILE",
  },
  { signature: [...Buffer.from("BZh")], description: "compressed with bzip2", remedy: "Decompress it: bunzip2 FILE" },
  {
    signature: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    description: "compressed with xz",
    remedy: "Decompress it: unxz FILE",
  },
  { signature: [0x37, 0x7a, 0xbc, 0xaf], description: "a 7-Zip archive", remedy: "Unpack it" },
  { signature: [...Buffer.from("Rar!")], description: "a RAR archive", remedy: "Unpack it" },
  {
    signature: [...Buffer.from("SQLite format 3")],
    description: "an SQLite database",
    remedy: "Export its table as CSV",
  },
  { signature: [...Buffer.from("PAR1")], description: "a Parquet file", remedy: exportAgain },
  {
    signature: [...Buffer.from("PGDMP")],
    description: "an archive of pg_dump",
    remedy: "Restore it into a database, and run users export there",
  },
  { signature: [0xff, 0xfe, 0x00, 0x00], ...utf32 },
  { signature: [0x00, 0x00, 0xfe, 0xff], ...utf32 },
];

/** Bytes that `detectEncoding` reads. */
export const signatureLength = 16;

/**
 * Detects the encoding from the first bytes of a file. The file name is not used.
 *
 * @throws {ImportExportError} for an unsupported format, with the remedy
 */
export function detectEncoding(firstBytes: Buffer): FileEncoding {
  const startsWith = (signature: readonly number[]) => signature.every((byte, at) => firstBytes[at] === byte);
  const unsupported = unsupportedFormats.find(({ signature }) => startsWith(signature));
  if (unsupported !== undefined)
    throw new ImportExportError(`The file is ${unsupported.description}. ${unsupported.remedy}.`);
  if (startsWith([0x1f, 0x8b])) return "gzip";
  if (startsWith([0xff, 0xfe])) return "utf-16le";
  if (startsWith([0xfe, 0xff])) return "utf-16be";
  // UTF-16 without a byte order mark: field names are ASCII, so every second byte is zero.
  const [first = 0, second = 0, third = 0, fourth = 0] = firstBytes;
  if (firstBytes.length >= 4 && first !== 0 && second === 0 && third !== 0 && fourth === 0) return "utf-16le";
  if (firstBytes.length >= 4 && first === 0 && second !== 0 && third === 0 && fourth !== 0) return "utf-16be";
  if (firstBytes.includes(0)) throw new ImportExportError(`The file is not text. ${exportAgain}.`);
  return "text";
}
