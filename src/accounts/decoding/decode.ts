import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ImportExportError } from "../errors.ts";
import { kindBytes, kindOf } from "./file-kinds.ts";
import { checkUtf8 } from "./utf8.ts";

type Bytes = AsyncGenerator<Buffer, void, undefined>;

/**
 * A file's text as UTF-8 without a mark in front, whatever it is in: UTF-8 or UTF-16, compressed with gzip or not. A bit
 * at a time, so that memory does not grow with it.
 *
 * @throws {ImportExportError} while it is read, for what cannot be read, with the place and the remedy
 */
export async function* decodeInput(input: AsyncIterable<Buffer>, compressed = false): Bytes {
  const { first, all } = await peek(input);
  const kind = kindOf(first);
  if (kind === "gzip") {
    if (compressed) throw new ImportExportError("It is compressed with gzip twice. Decompress it: gunzip FILE");
    yield* decodeInput(gunzip(all), true);
  } else if (kind === "text") yield* withoutMark(checkUtf8(all));
  else yield* withoutMark(fromUtf16(all, kind));
}

/** The first bytes, and all of them once more. */
async function peek(input: AsyncIterable<Buffer>): Promise<{ first: Buffer; all: Bytes }> {
  const iterator = input[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let length = 0;
  let ended = false;
  while (length < kindBytes && !ended) {
    const { value, done } = await iterator.next();
    if (done) ended = true;
    else length += parts[parts.push(value) - 1]?.length ?? 0;
  }
  async function* all(): Bytes {
    yield* parts;
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { first: Buffer.concat(parts), all: all() };
}

async function* gunzip(bytes: Bytes): Bytes {
  const source = Readable.from(bytes, { objectMode: false });
  const gunzipped = createGunzip();
  source.on("error", (error) => gunzipped.destroy(error));
  try {
    yield* source.pipe(gunzipped) as AsyncIterable<Buffer>;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "Z_BUF_ERROR")
      throw new ImportExportError("The gzip file is cut off: bring it anew, whole.", { cause: error });
    if (code.startsWith("Z_"))
      throw new ImportExportError("The gzip file is damaged: bring it anew.", { cause: error });
    throw error;
  }
}

async function* fromUtf16(bytes: Bytes, encoding: "utf-16le" | "utf-16be"): Bytes {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  let line = 1;
  const text = (read: () => string) => {
    try {
      return read();
    } catch (cause) {
      throw new ImportExportError(`It begins as UTF-16, and is none in or behind line ${line}: is it cut off?`, {
        cause,
      });
    }
  };
  for await (const chunk of bytes) {
    const decoded = text(() => decoder.decode(chunk, { stream: true }));
    for (let at = decoded.indexOf("\n"); at >= 0; at = decoded.indexOf("\n", at + 1)) line++;
    if (decoded !== "") yield Buffer.from(decoded);
  }
  text(() => decoder.decode());
}

/** Without a byte order mark (U+FEFF). */
async function* withoutMark(bytes: Bytes): Bytes {
  let first = true;
  for await (const chunk of bytes) {
    const marked = first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    first = false;
    yield marked ? chunk.subarray(3) : chunk;
  }
}
