import { addAbortSignal, Readable } from "node:stream";
import { decodeToUtf8 } from "../decoding/decoder.ts";
import type { ParsedRow } from "../fields/field-values.ts";
import type { FileFormat } from "../file-format.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import { readCsv } from "../parsing/csv.ts";
import { readJsonDocument } from "../parsing/json-document.ts";
import { readJsonLines } from "../parsing/json-lines.ts";

/** Rows of an input. */
export interface RowStream {
  readonly rows: AsyncGenerator<ParsedRow>;
  /** Bytes of the input that were read so far, before decompression. */
  bytesRead(): number;
}

const readers = { csv: readCsv, jsonl: readJsonLines, json: readJsonDocument } as const;

/**
 * Decodes and parses an input.
 *
 * @param options.signal ends the rows without an error
 * @throws {ImportExportError} while the rows are read, for an input that cannot be decoded or parsed
 */
export function openRowStream(
  input: Readable,
  { format, mapping, signal }: { format: FileFormat; mapping: FieldMapping; signal?: AbortSignal | undefined },
): RowStream {
  let bytesRead = 0;
  if (signal !== undefined) addAbortSignal(signal, input);

  async function* countedBytes(): AsyncGenerator<Buffer> {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      bytesRead += chunk.length;
      yield chunk;
    }
  }

  async function* rows(): AsyncGenerator<ParsedRow> {
    const decoded = Readable.from(decodeToUtf8(countedBytes()), { objectMode: false, highWaterMark: 64 * 1024 });
    try {
      yield* readers[format](decoded, mapping);
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
  return { rows: rows(), bytesRead: () => bytesRead };
}
