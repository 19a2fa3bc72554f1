import { ImportExportError } from "../errors.ts";

/** Converts UTF-16 to UTF-8. @throws {ImportExportError} with the line, for text that is not UTF-16 */
export async function* utf8FromUtf16(
  bytes: AsyncIterable<Buffer>,
  encoding: "utf-16le" | "utf-16be",
): AsyncGenerator<Buffer, void, undefined> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  let line = 1;
  const decode = (chunk?: Buffer) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      const message = `The file begins as UTF-16 but is not UTF-16 in or after line ${line}. It may be cut off.`;
      throw new ImportExportError(message, { cause });
    }
  };
  for await (const chunk of bytes) {
    const text = decode(chunk);
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) line++;
    if (text !== "") yield Buffer.from(text);
  }
  decode();
}
