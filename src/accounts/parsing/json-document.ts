import { StringDecoder } from "node:string_decoder";
import { type ParsedRow, rowTooLong } from "../fields/field-values.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import { JsonElementScanner } from "./json-element-scanner.ts";
import { readJsonRow } from "./json-row.ts";

/**
 * Reads the users of JSON documents: an array of users, an object with an array `users`, a single user, or several of
 * these one after another, such as the pages of an API. Users are parsed one by one, so memory use does not depend on the
 * size of the document.
 *
 * @throws {ImportExportError} if a document is incomplete or has no users
 */
export async function* readJsonDocument(
  bytes: AsyncIterable<Buffer>,
  mapping: FieldMapping,
): AsyncGenerator<ParsedRow> {
  const decoder = new StringDecoder("utf8");
  const scanner = new JsonElementScanner();
  for await (const chunk of bytes) {
    for (const { line, text } of scanner.scan(decoder.write(chunk))) {
      if (text === undefined) yield { line, issue: rowTooLong };
      else yield { line, ...readJsonRow(text, mapping) };
    }
  }
  scanner.end();
}
