import { Readable } from "node:stream";
import type { ReadableStream, ReadableStreamDefaultReader } from "node:stream/web";
import { setTimeout as pause } from "node:timers/promises";

/** Bytes that are sent together at most. */
const maxChunk = 64 * 1024;

/** Time from one ping to the next (ms): proxies close connections that are silent for a minute. */
const pingInterval = 15_000;

/** As tRPC's client expects it. */
const ping = Buffer.from("event: ping\ndata: \n\n\n");

/**
 * A stream of server-sent events in few chunks, with pings. tRPC writes each event in four pieces, and each would be a chunk of HTTP and a
 * system call: a reader that catches up would have half of the rows a second.
 */
export const gatherEvents = (body: ReadableStream<Uint8Array>): Readable =>
  Readable.from(chunksOf(body.getReader()), { objectMode: false });

/** Yields together what comes in one turn of the event loop. */
async function* chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Buffer> {
  try {
    let next = reader.read();
    let pingTime: Promise<undefined> = pause(pingInterval, undefined, { ref: false });
    for (;;) {
      let piece: Awaited<typeof next> | undefined = await Promise.race([next, pingTime]);
      if (piece === undefined) {
        pingTime = pause(pingInterval, undefined, { ref: false });
        yield ping;
        continue;
      }
      const endOfTurn = new Promise<undefined>((resolve) => {
        setImmediate(resolve, undefined);
      });
      const pieces: Uint8Array[] = [];
      let size = 0;
      while (piece?.value !== undefined) {
        pieces.push(piece.value);
        size += piece.value.length;
        next = reader.read();
        piece = size < maxChunk ? await Promise.race([next, endOfTurn]) : undefined;
      }
      if (size > 0) yield Buffer.concat(pieces);
      if (piece?.done) return;
    }
  } finally {
    // Not awaited: a source that yields nothing ends with its connection.
    reader.cancel().catch(() => {});
  }
}
