import { ImportExportError } from "../errors.ts";
import { detectEncoding, signatureLength } from "./file-signature.ts";
import { gunzip } from "./gzip.ts";
import { validateUtf8 } from "./utf8.ts";
import { utf8FromUtf16 } from "./utf16.ts";

/** Bytes of a file, one chunk at a time. */
export type ByteStream = AsyncGenerator<Buffer, void, undefined>;

/**
 * Decodes a file to UTF-8 without a byte order mark. The file is UTF-8 or UTF-16, compressed with gzip or not. It is
 * read as a stream, so memory use does not depend on its size.
 *
 * @throws {ImportExportError} while the stream is read, for bytes that cannot be decoded, with their place and the remedy
 */
export async function* decodeToUtf8(input: AsyncIterable<Buffer>): ByteStream {
  const { firstBytes, bytes } = await peek(input);
  const encoding = detectEncoding(firstBytes);
  if (encoding === "gzip") yield* decodeDecompressed(gunzip(bytes));
  else yield* decodeText(bytes, encoding);
}

async function* decodeDecompressed(input: ByteStream): ByteStream {
  const { firstBytes, bytes } = await peek(input);
  const encoding = detectEncoding(firstBytes);
  if (encoding === "gzip")
    throw new ImportExportError("The file is compressed with gzip twice. Decompress it once: gunzip FILE");
  yield* decodeText(bytes, encoding);
}

function decodeText(bytes: ByteStream, encoding: "text" | "utf-16le" | "utf-16be"): ByteStream {
  return withoutByteOrderMark(encoding === "text" ? validateUtf8(bytes) : utf8FromUtf16(bytes, encoding));
}

/** Returns the first bytes, and a stream of all bytes that begins with them. */
async function peek(input: AsyncIterable<Buffer>): Promise<{ firstBytes: Buffer; bytes: ByteStream }> {
  const iterator = input[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let length = 0;
  let ended = false;
  while (length < signatureLength && !ended) {
    const { value, done } = await iterator.next();
    if (done) ended = true;
    else {
      chunks.push(value);
      length += value.length;
    }
  }
  async function* bytes(): ByteStream {
    yield* chunks;
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { firstBytes: Buffer.concat(chunks), bytes: bytes() };
}

async function* withoutByteOrderMark(bytes: ByteStream): ByteStream {
  let isFirst = true;
  for await (const chunk of bytes) {
    const hasMark = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    isFirst = false;
    yield hasMark ? chunk.subarray(3) : chunk;
  }
}
