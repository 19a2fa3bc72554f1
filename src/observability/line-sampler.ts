import { repeat } from "../interval.ts";

/** Writes a line of the log. @param times the events that the line stands for */
export type SampledLine = (times: number) => void;

/** The time after a line of a bucket in which its events are only counted. */
interface Window {
  readonly ends: number;
  /** Events since the line that began the window. */
  times: number;
  /** The line of the latest event. */
  line: SampledLine;
}

interface LineSamplerOptions {
  /** Time between two lines of a bucket (ms). */
  readonly interval?: number;
  /** Buckets that are remembered. */
  readonly maxBuckets?: number;
  /** A monotonic clock (ms). */
  readonly now?: () => number;
}

/** The time between two looks for windows that have ended (ms). */
const sweepInterval = 5_000;

/**
 * Writes at most one line a minute for each bucket of events, so that an attack does not fill the log. The first event
 * of a bucket is written at once. Later ones are counted, and the last of them is written when the minute has passed:
 * the sum of `times` is the number of events.
 */
export class LineSampler {
  /** In the order in which they end, because all are equally long. */
  readonly #windows = new Map<string, Window>();
  readonly #interval: number;
  readonly #maxBuckets: number;
  readonly #now: () => number;
  readonly #closing = new AbortController();

  constructor({ interval = 60_000, maxBuckets = 10_000, now = () => performance.now() }: LineSamplerOptions = {}) {
    this.#interval = interval;
    this.#maxBuckets = maxBuckets;
    this.#now = now;
    repeat(async () => this.#endWindows(), { ms: Math.min(sweepInterval, interval), signal: this.#closing.signal });
  }

  /** Writes the line of an event, or counts the event. Beyond the maximum of buckets the oldest one is forgotten. */
  write(bucket: string, line: SampledLine): void {
    this.#endWindows();
    const window = this.#windows.get(bucket);
    if (window !== undefined) {
      window.times++;
      window.line = line;
      return;
    }
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= this.#maxBuckets && oldest !== undefined) this.#end(oldest);
    this.#begin(bucket, line);
    line(1);
  }

  /** Writes the lines of events that are not written yet. */
  close(): void {
    this.#closing.abort();
    for (const bucket of this.#windows.keys()) this.#end(bucket);
  }

  #begin(bucket: string, line: SampledLine): void {
    this.#windows.set(bucket, { ends: this.#now() + this.#interval, times: 0, line });
  }

  #end(bucket: string): void {
    const window = this.#windows.get(bucket);
    this.#windows.delete(bucket);
    if (window !== undefined && window.times > 0) window.line(window.times);
  }

  #endWindows(): void {
    for (const [bucket, { ends, times, line }] of this.#windows) {
      if (ends > this.#now()) return;
      this.#end(bucket);
      // A further window begins with each line.
      if (times > 0) this.#begin(bucket, line);
    }
  }
}
