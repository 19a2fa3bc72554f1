import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ImportExportError } from "../errors.ts";

/** Decompresses a gzip stream. @throws {ImportExportError} while it is read, if it is incomplete or damaged */
export async function* gunzip(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const source = Readable.from(bytes, { objectMode: false });
  const decompressed = createGunzip();
  source.on("error", (error) => decompressed.destroy(error));
  try {
    yield* source.pipe(decompressed) as AsyncIterable<Buffer>;
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (code === "Z_BUF_ERROR") throw new ImportExportError("The gzip file is cut off. Copy it again.", { cause });
    if (code.startsWith("Z_")) throw new ImportExportError("The gzip file is damaged. Copy it again.", { cause });
    throw cause;
  }
}
