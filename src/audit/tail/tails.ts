import { setTimeout as pause } from "node:timers/promises";
import { prefetch } from "../../bulk/index.ts";
import { isTransactionConflict, isUnavailable } from "../../database/index.ts";
import { ConflictError, TooManyRequestsError, UnavailableError } from "../../errors.ts";
import { repeat } from "../../interval.ts";
import type { Log } from "../../observability/index.ts";
import type { AuditLogRepository } from "../../repositories/index.ts";
import type { LogPosition } from "../position.ts";
import { LiveTail } from "./live-tail.ts";
import { type TailEntry, tailEntryOf } from "./tail-entry.ts";

/** Time from one look at the size of the log to the next while rows are followed (ms). */
const pollInterval = 100;

/** Rows of one statement. A reader that is behind begins with fewer, and takes so many that their size is moderate (bytes). */
const maxChunk = 500;
const firstChunk = 50;
const moderateSize = 512 * 1024;

/** Time until the next try while the database is not available (ms). */
const retryInterval = 1_000;

/** Looks for readers that accept nothing, in the time that they have. */
const stallChecks = 60;

type Filter = Parameters<AuditLogRepository["readLog"]>[0]["filters"][number];

export interface TailOptions {
  /** From where on; undefined for rows from now on. */
  readonly from: LogPosition | undefined;
  readonly filter: Filter;
  /** Ends the tail. */
  readonly signal: AbortSignal;
  /** Closes the connection of a reader that accepts nothing, or of all at the stop. */
  readonly disconnect: () => void;
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
  readonly #readers = new Set<Reader>();
  /** Those that have all rows so far, with their filters. */
  readonly #live = new Map<LiveTail, Filter>();
  readonly #stopping = new AbortController();
  /** The index after the last row that live tails were given. Undefined while there are none. */
  #head: number | undefined;

  /**
   * @param options.limit the number of open tails
   * @param options.maxStall time that a reader may take to accept a row (ms)
   */
  constructor({
    audit,
    log,
    limit,
    maxStall = 60_000,
  }: { audit: AuditLogRepository; log: Log; limit: number; maxStall?: number }) {
    this.#audit = audit;
    this.#log = log;
    this.#limit = limit;
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
   * @throws {ConflictError} if the log has become shorter
   */
  async *follow({ from, filter, signal, disconnect }: TailOptions): AsyncGenerator<TailEntry> {
    if (this.#stopping.signal.aborted)
      throw new UnavailableError("The service is stopping. Try again in a few seconds.");
    if (this.#readers.size >= this.#limit)
      throw new TooManyRequestsError(`The service has ${this.#limit} tails open, as many as it may (AUDIT_TAILS).`, {
        retryAfter: 10,
      });
    const reader: Reader = { disconnect, offeredAt: undefined };
    this.#readers.add(reader);
    const ended = new AbortController();
    const batches = this.#batches({ from, filter, signal: AbortSignal.any([signal, ended.signal]) });
    try {
      // A log whose last row is older has rows of that time only later, and before them others.
      let isBefore = from !== undefined && "time" in from;
      // The next rows are read while these are sent.
      for await (const batch of prefetch(batches))
        for (const entry of batch) {
          isBefore &&= from !== undefined && "time" in from && entry.entry.createdAt < from.time;
          if (isBefore) continue;
          reader.offeredAt = performance.now();
          yield entry;
          reader.offeredAt = undefined;
        }
    } finally {
      ended.abort();
      this.#readers.delete(reader);
    }
  }

  /** Rows in batches: a step of an asynchronous generator for each row would take longer than to read it. */
  async *#batches({ from, filter, signal }: Omit<TailOptions, "disconnect">): AsyncGenerator<readonly TailEntry[]> {
    let next = await this.#retrying(() => this.#startOf(from), signal);
    let chunk = firstChunk;
    while (!signal.aborted) {
      const size = this.#head ?? (await this.#retrying(() => this.#audit.logSize(), signal));
      if (next < size) {
        const range = { start: next, end: Math.min(next + chunk, size), filters: [filter] };
        const entries = (await this.#retrying(() => this.#audit.readLog(range), signal)).map(tailEntryOf);
        yield entries;
        next = range.end;
        const read = entries.reduce((sum, entry) => sum + entry.size, 0);
        chunk = read > moderateSize ? Math.ceil(chunk / 4) : Math.min(chunk * 2, maxChunk);
        continue;
      }
      // Another tail may have begun meanwhile, and have been given rows that this one lacks.
      if (this.#head !== undefined && next < this.#head) continue;
      const tail = new LiveTail(next);
      this.#join(tail, { filter, size });
      try {
        yield* tail.batches(signal);
      } finally {
        this.#live.delete(tail);
      }
      next = tail.next;
    }
  }

  async #startOf(from: LogPosition | undefined): Promise<number> {
    if (from === undefined) return this.#audit.logSize();
    return "index" in from ? from.index : this.#audit.firstIndexFrom(from.time);
  }

  #join(tail: LiveTail, { filter, size }: { filter: Filter; size: number }): void {
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
        await pause(isRead ? pollInterval : retryInterval, undefined, { signal, ref: false }).catch(() => {});
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
    if (size < head)
      throw new ConflictError(
        `The log of the audit trail had ${head} rows and has ${size}: it was restored to an earlier moment, or lost rows.`,
      );
    for (let start = head; start < size; start = this.#head as number) {
      const end = Math.min(start + maxChunk, size);
      const tails = new Map(this.#live);
      if (tails.size === 0) return;
      const keys = new Map([...tails].map(([tail, filter]) => [tail, JSON.stringify(filter)]));
      const filters = new Map([...tails].map(([tail, filter]) => [keys.get(tail), filter]));
      const read = await this.#audit.readLog({ start, end, filters: [...filters.values()] });
      const entries = read.map((entry) => ({ ...tailEntryOf(entry), matches: entry.matches }));
      const selected = new Map(
        [...filters.keys()].map((key, number) => [key, entries.filter(({ matches }) => matches[number])]),
      );
      this.#head = end;
      for (const tail of this.#live.keys()) {
        const own = selected.get(keys.get(tail));
        // One that has joined meanwhile reads them for itself.
        if (own === undefined) tail.fallBehind();
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
        await pause(retryInterval, undefined, { signal, ref: false });
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
  readonly disconnect: () => void;
  /** When the row was offered that it has not accepted yet, by performance.now(). */
  offeredAt: number | undefined;
}

const isTemporary = (error: unknown): boolean => isUnavailable(error) || isTransactionConflict(error);
