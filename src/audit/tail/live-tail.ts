import type { LogChunk, LogEntry } from "../../repositories/index.ts";

/** Rows that wait for a reader, and their size (bytes). One that is further behind reads for itself again. */
const maxWaiting = 500;
const maxWaitingSize = 1024 * 1024;

/** One reader that has all rows so far. It is given new ones as they come. */
export class LiveTail {
  #waiting: LogEntry[] = [];
  #waitingSize = 0;
  /** The index after the last row that was offered and accepted: when `chunks` has ended, after the last that was yielded. */
  #next: number;
  #isBehind = false;
  #failure: unknown;
  #wake = () => {};

  constructor(next: number) {
    this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  /** Offers the rows that its filter selects, up to an index. One that is too far behind takes no more. */
  offer(entries: readonly LogEntry[], end: number): void {
    if (this.#isBehind || end <= this.#next) return;
    const isNew = ({ index }: LogEntry) => index >= this.#next;
    const size = entries.reduce((sum, entry) => sum + (isNew(entry) ? entry.size : 0), 0);
    this.#isBehind = this.#waiting.length + entries.length > maxWaiting || this.#waitingSize + size > maxWaitingSize;
    if (!this.#isBehind) {
      this.#waiting.push(...entries.filter(isNew));
      this.#waitingSize += size;
      this.#next = end;
    }
    this.#wake();
  }

  /** Lets `chunks` end after the rows that wait. */
  fallBehind(): void {
    this.#isBehind = true;
    this.#wake();
  }

  /** Ends `chunks` with an error, after the rows that wait. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#wake();
  }

  /** Yields rows until the reader is too far behind, or `signal` is aborted. */
  async *chunks(signal: AbortSignal): AsyncGenerator<LogChunk> {
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      for (let yielded = this.#next; !signal.aborted; ) {
        if (this.#next > yielded) {
          const entries = this.#waiting;
          this.#waiting = [];
          this.#waitingSize = 0;
          yielded = this.#next;
          yield { entries, end: yielded };
          continue;
        }
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#isBehind) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}
