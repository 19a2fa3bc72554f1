import { setTimeout as pause } from "node:timers/promises";
import { prefetch } from "../../bulk/index.ts";
import { ConflictError, TooManyRequestsError, UnavailableError } from "../../errors.ts";
import { repeat } from "../../interval.ts";
import type { Log } from "../../observability/index.ts";
import type { AuditLogRepository, LogChunk } from "../../repositories/index.ts";
import type { LogPosition } from "../position.ts";
import { LiveTail } from "./live-tail.ts";
import { isTemporary, isTimeout, maxChunkSize, readForAll, type TailFilter } from "./shared-read.ts";
import type { TailEntry } from "./tail-entry.ts";

/** Time from one look at the size of the log to the next while rows are followed (ms). */
const pollInterval = 100;

/** Rows of one statement. */
const maxRows = 500;

/** Time until the next try while the database is not available (ms). */
const retryInterval = 1_000;

/** Looks for readers that accept nothing, in the time that they have. */
const stallChecks = 60;

/** Open tails of one player, so that none takes the place of all others. */
const maxTailsOfPlayer = 5;

export interface TailOptions {
  /** From where on; undefined for rows from now on. */
  readonly from: LogPosition | undefined;
  readonly filter: TailFilter;
  /** The player who follows; undefined for others, who may open any number of tails. */
  readonly player?: string | undefined;
  /** Ends the tail. */
  readonly signal: AbortSignal;
  /** Closes the connection of a reader that accepts nothing, or of all at the stop. */
  readonly disconnect: () => void;
  /** Called with the index from which on rows are to come: at the begin, and when all rows before it have been taken. */
  readonly onProgress?: (next: number) => void;
}

/**
 * Follows the log of the audit trail for any number of readers: each committed row once, in the order of the log. One
 * statement reads new rows for all of them; those that are behind read for themselves, so that a slow reader is not held in
 * memory. It polls, so that it works through a pooler and on a replica.
 */
export class AuditTails {
  readonly #audit: AuditLogRepository;
  readonly #log: Log;
  readonly #limit: number;
  readonly #maxLag: number;
  readonly #readers = new Set<Reader>();
  /** Those that have all rows so far, with their filters. */
  readonly #live = new Map<LiveTail, TailFilter>();
  readonly #stopping = new AbortController();
  /** The index after the last row that live tails were given. Undefined while there are none. */
  #head: number | undefined;

  /**
   * @param options.limit the number of open tails
   * @param options.maxStall time that a reader may take to accept a row (ms)
   * @param options.maxLag time that a standby may be behind the server at which a tail was before (ms)
   */
  constructor({
    audit,
    log,
    limit,
    maxStall = 60_000,
    maxLag = 10_000,
  }: { audit: AuditLogRepository; log: Log; limit: number; maxStall?: number; maxLag?: number }) {
    this.#audit = audit;
    this.#log = log;
    this.#limit = limit;
    this.#maxLag = maxLag;
    const { signal } = this.#stopping;
    repeat(async () => this.#cutOffStalled(maxStall), { ms: maxStall / stallChecks, signal });
  }

  /** Open tails. */
  get count(): number {
    return this.#readers.size;
  }

  /** Disconnects all readers. */
  stop(): void {
    this.#stopping.abort();
    for (const { disconnect } of this.#readers) disconnect();
  }

  /**
   * Yields rows until `signal` is aborted.
   *
   * @throws {TooManyRequestsError} if there are too many tails
   * @throws {UnavailableError} during a stop
   * @throws {ConflictError} if the log is shorter than it was
   */
  async *follow({ onProgress, ...options }: TailOptions): AsyncGenerator<TailEntry> {
    const { from, signal } = options;
    const reader = this.#admit(options);
    const ended = new AbortController();
    const chunks = this.#chunks({ ...options, signal: AbortSignal.any([signal, ended.signal]) });
    try {
      // A log whose last row is older has rows of that time only later, and before them others.
      let isBefore = from !== undefined && "time" in from;
      // The next rows are read while these are sent.
      for await (const { entries, end } of prefetch(chunks)) {
        for (const { index, toEntry } of entries) {
          const entry = toEntry();
          isBefore &&= from !== undefined && "time" in from && entry.createdAt < from.time;
          if (isBefore) continue;
          reader.offeredAt = performance.now();
          yield { index, entry };
          reader.offeredAt = undefined;
        }
        onProgress?.(end);
      }
    } finally {
      ended.abort();
      this.#readers.delete(reader);
    }
  }

  #admit({ player, disconnect }: TailOptions): Reader {
    if (this.#stopping.signal.aborted)
      throw new UnavailableError("The service is stopping. Try again in a few seconds.");
    const refuse = (message: string) => new TooManyRequestsError(message, { retryAfter: 10 });
    if (this.#readers.size >= this.#limit)
      throw refuse(`The service has ${this.#limit} tails open, as many as it may (AUDIT_TAILS).`);
    if (player !== undefined) {
      const own = [...this.#readers].filter((reader) => reader.player === player);
      if (own.length >= maxTailsOfPlayer)
        throw refuse(`The account has ${maxTailsOfPlayer} tails open, as many as a player may.`);
    }
    const reader: Reader = { player, disconnect, offeredAt: undefined };
    this.#readers.add(reader);
    return reader;
  }

  /** Rows in chunks: a step of an asynchronous generator for each row would take longer than to read it. */
  async *#chunks({ from, filter, signal }: TailOptions): AsyncGenerator<LogChunk> {
    let next = await this.#retrying(() => this.#startOf(from), signal);
    // Where it begins.
    yield { entries: [], end: next };
    while (!signal.aborted) {
      const size = this.#head ?? (await this.#sizeFor(next, signal));
      if (next < size) {
        const range = { start: next, end: Math.min(next + maxRows, size), filters: [filter], maxSize: maxChunkSize };
        const chunk = await this.#retrying(() => this.#audit.readLog(range), signal);
        yield chunk;
        next = chunk.end;
        continue;
      }
      // Another tail may have begun meanwhile, and have been given rows that this one lacks.
      if (this.#head !== undefined && next < this.#head) continue;
      // Its size was not read here.
      if (next > size) await this.#sizeFor(next, signal);
      const tail = new LiveTail(next);
      this.#join(tail, { filter, size: Math.max(size, next) });
      try {
        yield* tail.chunks(signal);
      } finally {
        this.#live.delete(tail);
      }
      next = tail.next;
    }
  }

  /**
   * The size of the log, which a reader has read up to an index. On a standby it may be smaller for a while.
   *
   * @throws {ConflictError} if it stays smaller
   */
  async #sizeFor(next: number, signal: AbortSignal): Promise<number> {
    for (const started = performance.now(); ; ) {
      const size = await this.#retrying(() => this.#audit.logSize(), signal);
      if (size >= next) return size;
      if (performance.now() - started > this.#maxLag) throw shorterLog(size, next);
      await pause(Math.min(retryInterval, this.#maxLag), undefined, { signal });
    }
  }

  async #startOf(from: LogPosition | undefined): Promise<number> {
    if (from === undefined) return this.#audit.logSize();
    return "index" in from ? from.index : this.#audit.firstIndexFrom(from.time);
  }

  #join(tail: LiveTail, { filter, size }: { filter: TailFilter; size: number }): void {
    this.#live.set(tail, filter);
    if (this.#head !== undefined) return;
    this.#head = size;
    void this.#poll();
  }

  /** Reads new rows while there are live tails. Does not throw. */
  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (this.#live.size > 0 && !signal.aborted) {
        const isRead = await this.#readNew().then(
          () => true,
          (error: unknown) => {
            if (!isTemporary(error)) throw error;
            return false;
          },
        );
        await pause(isRead ? pollInterval : retryInterval, undefined, { signal }).catch(() => {});
      }
    } catch (error) {
      for (const tail of this.#live.keys()) tail.fail(error);
      this.#live.clear();
    } finally {
      // At once, so that the next tail begins a new one.
      this.#head = undefined;
    }
  }

  async #readNew(): Promise<void> {
    const size = await this.#audit.logSize();
    const head = this.#head as number;
    if (size < head) throw shorterLog(size, head);
    for (let start = head; start < size; start = this.#head as number) {
      const keys = new Map([...this.#live].map(([tail, filter]) => [tail, JSON.stringify(filter)]));
      if (keys.size === 0) return;
      const filters = new Map([...this.#live].map(([tail, filter]) => [keys.get(tail) as string, filter]));
      const { end, results } = await readForAll(this.#audit, { start, end: Math.min(start + maxRows, size) }, filters);
      this.#head = end;
      for (const tail of this.#live.keys()) {
        const own = results.get(keys.get(tail) ?? "");
        // One that has joined meanwhile reads them for itself, and so does one whose filter takes too long.
        if (own === undefined || ("error" in own && isTimeout(own.error))) tail.fallBehind();
        else if ("error" in own) tail.fail(own.error);
        else tail.offer(own, end);
      }
    }
  }

  async #retrying<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (!isTemporary(error) || signal.aborted) throw error;
        // It keeps the process alive, which has no connection meanwhile.
        await pause(retryInterval, undefined, { signal });
      }
    }
  }

  #cutOffStalled(maxStall: number): void {
    const before = performance.now() - maxStall;
    for (const { offeredAt = Number.POSITIVE_INFINITY, disconnect } of this.#readers) {
      if (offeredAt >= before) continue;
      this.#log.warn(`a reader of the audit trail has accepted nothing for ${maxStall / 1_000} s and is disconnected`);
      disconnect();
    }
  }
}

interface Reader {
  readonly player: string | undefined;
  readonly disconnect: () => void;
  /** When the row was offered that it has not accepted yet, by performance.now(). */
  offeredAt: number | undefined;
}

const shorterLog = (size: number, next: number) =>
  new ConflictError(
    `The log of the audit trail has ${size} rows, and the tail is at index ${next}: the log was restored to an earlier ` +
      "moment, or lost rows. Begin anew at an index or a time that it has.",
  );
