import { addAbortSignal, Readable } from "node:stream";
import { readCsv } from "./csv.ts";
import { TransferError } from "./errors.ts";
import type { Line } from "./fields.ts";
import type { Format } from "./format.ts";
import { readJsonLines } from "./jsonl.ts";

/** Rows as they come out of a stream, and how much of it was read for them. */
export interface Source {
  readonly lines: AsyncGenerator<Line>;
  /** Bytes. */
  read(): number;
}

/**
 * @param options.signal ends it: rows then stop as if there were no more
 * @throws {TransferError} while it is read, for what is not UTF-8
 */
export function openSource(input: Readable, options: { format: Format; signal?: AbortSignal | undefined }): Source {
  const { format, signal } = options;
  let read = 0;
  if (signal !== undefined) addAbortSignal(signal, input);

  async function* checked(): AsyncGenerator<Buffer> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    for await (const chunk of input as AsyncIterable<Buffer>) {
      requireText(() => decoder.decode(chunk, { stream: true }), read);
      read += chunk.length;
      yield chunk;
    }
    requireText(() => decoder.decode(), read);
  }

  async function* lines(): AsyncGenerator<Line> {
    const bytes = Readable.from(checked(), { objectMode: false, highWaterMark: 64 * 1024 });
    try {
      yield* format === "csv" ? readCsv(bytes) : readJsonLines(bytes);
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
  return { lines: lines(), read: () => read };
}

/** Other texts would become question marks in silence. */
function requireText(decode: () => string, at: number): void {
  try {
    decode();
  } catch (cause) {
    throw new TransferError(
      `It is not UTF-8 (behind byte ${at}). If it is Latin-1: iconv -f latin1 -t utf-8 OLD > NEW`,
      { cause },
    );
  }
}
