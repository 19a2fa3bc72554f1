import { addAbortSignal, Readable } from "node:stream";
import { decodeInput } from "../decoding/decode.ts";
import type { Format } from "../file-format.ts";
import { readCsv } from "../formats/csv.ts";
import type { Line } from "../formats/fields.ts";
import { readJson } from "../formats/json-document.ts";
import { readJsonLines } from "../formats/json-lines.ts";
import type { Mapping } from "./mapping.ts";

/** Rows as they come out of a stream, and how much of it was read for them. */
export interface Source {
  readonly lines: AsyncGenerator<Line>;
  /** Bytes of the file, compressed ones as they are. */
  read(): number;
}

const readers = { csv: readCsv, jsonl: readJsonLines, json: readJson } as const;

/**
 * @param options.signal ends it: rows then stop as if there were no more
 * @throws {ImportExportError} while it is read, for what is no text that can be read
 */
export function openSource(
  input: Readable,
  { format, mapping, signal }: { format: Format; mapping: Mapping; signal?: AbortSignal | undefined },
): Source {
  let read = 0;
  if (signal !== undefined) addAbortSignal(signal, input);

  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      read += chunk.length;
      yield chunk;
    }
  }

  async function* lines(): AsyncGenerator<Line> {
    const bytes = Readable.from(decodeInput(counted()), { objectMode: false, highWaterMark: 64 * 1024 });
    try {
      yield* readers[format](bytes, mapping);
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
  return { lines: lines(), read: () => read };
}
