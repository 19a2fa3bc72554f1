import { ImportExportError } from "../errors.ts";

/** What a file is by its first bytes. */
export type Kind = "text" | "gzip" | "utf-16le" | "utf-16be";

const remedies: readonly { readonly begins: readonly number[]; readonly what: string; readonly remedy: string }[] = [
  {
    begins: [0x50, 0x4b, 0x03, 0x04],
    what: "a workbook of Excel (.xlsx) or another archive of ZIP",
    remedy: "Save the sheet as CSV UTF-8, or unpack the archive",
  },
  { begins: [0x50, 0x4b, 0x05, 0x06], what: "an empty archive of ZIP", remedy: "Export it again" },
  {
    begins: [0xd0, 0xcf, 0x11, 0xe0],
    what: "a workbook of Excel before 2007 (.xls)",
    remedy: "Save the sheet as CSV UTF-8",
  },
  { begins: [...Buffer.from("%PDF")], what: "a PDF", remedy: "Export the accounts as CSV or JSON lines" },
  { begins: [0x28, 0xb5, 0x2f, 0xfd], what: "compressed with Zstandard", remedy: "Decompress it: zstd -d FILE" },
  { begins: [...Buffer.from("BZh")], what: "compressed with bzip2", remedy: "Decompress it: bunzip2 FILE" },
  { begins: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: "compressed with xz", remedy: "Decompress it: unxz FILE" },
  { begins: [0x37, 0x7a, 0xbc, 0xaf], what: "an archive of 7-Zip", remedy: "Unpack it" },
  { begins: [...Buffer.from("Rar!")], what: "an archive of RAR", remedy: "Unpack it" },
  { begins: [...Buffer.from("SQLite format 3")], what: "a database of SQLite", remedy: "Export its table as CSV" },
  { begins: [...Buffer.from("PAR1")], what: "a file of Parquet", remedy: "Export the accounts as CSV or JSON lines" },
  { begins: [...Buffer.from("PGDMP")], what: "a dump of pg_dump", remedy: "Restore it, and use users export" },
  {
    begins: [0xff, 0xfe, 0x00, 0x00],
    what: "UTF-32",
    remedy: "Convert it: iconv -f utf-32 -t utf-8 OLD > NEW",
  },
  {
    begins: [0x00, 0x00, 0xfe, 0xff],
    what: "UTF-32",
    remedy: "Convert it: iconv -f utf-32 -t utf-8 OLD > NEW",
  },
];

/** Bytes that tell. */
export const kindBytes = 16;

/**
 * Tells what can be read, by its first bytes and not by its name.
 *
 * @throws {ImportExportError} for what cannot, with the remedy
 */
export function kindOf(bytes: Buffer): Kind {
  const begins = (known: readonly number[]) => known.every((byte, at) => bytes[at] === byte);
  const other = remedies.find((one) => begins(one.begins));
  if (other !== undefined) throw new ImportExportError(`It is ${other.what}. ${other.remedy}.`);
  if (begins([0x1f, 0x8b])) return "gzip";
  if (begins([0xff, 0xfe])) return "utf-16le";
  if (begins([0xfe, 0xff])) return "utf-16be";
  // Without a mark: the names of fields are ASCII, so that each second byte is zero.
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
  if (bytes.length >= 4 && first !== 0 && second === 0 && third !== 0 && fourth === 0) return "utf-16le";
  if (bytes.length >= 4 && first === 0 && second !== 0 && third === 0 && fourth !== 0) return "utf-16be";
  if (bytes.includes(0)) throw new ImportExportError("It is no text. Export the accounts as CSV or JSON lines.");
  return "text";
}
