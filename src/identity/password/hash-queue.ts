import { TooManyRequestsError } from "../../errors.ts";

/** Callers in front of strangers: known devices of an account, and callers with a token. */
export type HashLane = "known" | "strangers";

export interface HashJobOptions {
  readonly lane: HashLane;
  /** Expected duration in units of a new password's hash. Default: 1. */
  readonly weight?: number;
  /** The known device that the job is for. */
  readonly deviceId?: string | undefined;
  /** Gives the place in the queue back. A job that has begun runs to its end. */
  readonly signal?: AbortSignal | undefined;
}

/** A job that waits. */
interface Place {
  readonly weight: number;
  readonly deviceId: string | undefined;
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

/** Jobs of the lane `known` for each job of strangers while both wait. */
const knownPerStranger = 3;

/** Jobs of one device that may wait: known devices come first, and one alone must not fill the queue. */
const maxWaitingPerDevice = 4;

/** Share of the latest job in the moving average of durations. */
const smoothing = 0.1;

/** Duration of a job before one was measured, and the shortest that is assumed (ms). */
const initialDuration = 50;
const minDuration = 1;

/**
 * Admits the hash computations of the process. Each occupies a thread and 19 MiB or more for tens of milliseconds, so that an
 * unlimited number of sign-ins would exhaust both (OWASP ASVS 5.0, 15.2.2).
 */
export class HashQueue {
  readonly limit: number;
  readonly #maxWait: number;
  readonly #now: () => number;
  readonly #onRefusal: () => void;
  readonly #waiting = { known: new Set<Place>(), strangers: new Set<Place>() };
  #running = 0;
  #knownInARow = 0;
  #duration = initialDuration;

  /**
   * @param options.limit jobs that run at once
   * @param options.maxWait work that may wait (ms)
   * @param options.now a monotonic clock (ms)
   * @param options.onRefusal called for each job that the full queue refuses
   */
  constructor({ limit, maxWait = 2_000, now = () => performance.now(), onRefusal = () => {} }: HashQueueOptions) {
    this.limit = limit;
    this.#maxWait = maxWait;
    this.#now = now;
    this.#onRefusal = onRefusal;
  }

  /**
   * Runs `work` when a place is free. Known callers come first, three to one while strangers wait. A known caller that finds
   * the queue full displaces the stranger who came last.
   *
   * @throws {TooManyRequestsError} if the jobs that wait already take the longest wait, or four of the same device wait
   * @throws the reason of `signal`, if it is aborted before the job begins
   */
  async run<Result>(work: () => Promise<Result>, options: HashJobOptions): Promise<Result> {
    const { weight = 1 } = options;
    await this.#enter({ ...options, weight });
    const start = this.#now();
    try {
      const result = await work();
      this.#measure((this.#now() - start) / weight);
      return result;
    } finally {
      this.#leave();
    }
  }

  /** Resolves when the job may begin. */
  #enter({ lane, weight, deviceId, signal }: HashJobOptions & { weight: number }): Promise<void> {
    signal?.throwIfAborted();
    if (this.#running < this.limit) {
      this.#running++;
      return Promise.resolve();
    }
    const places = this.#waiting[lane];
    if (deviceId !== undefined && countOf(places, deviceId) >= maxWaitingPerDevice) throw this.#refusal();
    this.#makeRoom(lane);
    return new Promise((resolve, reject) => {
      const removed = () => {
        places.delete(place);
        signal?.removeEventListener("abort", onAbort);
      };
      const place: Place = {
        weight,
        deviceId,
        start: () => {
          removed();
          resolve();
        },
        refuse: (error) => {
          removed();
          reject(error);
        },
      };
      const onAbort = () => place.refuse(signal?.reason);
      signal?.addEventListener("abort", onAbort);
      places.add(place);
    });
  }

  /** Passes the place of a job that has ended to the next one. */
  #leave(): void {
    const { known, strangers } = this.#waiting;
    const [firstKnown] = known;
    const [firstStranger] = strangers;
    const isKnown = firstStranger === undefined || (firstKnown !== undefined && this.#knownInARow < knownPerStranger);
    const next = isKnown ? firstKnown : firstStranger;
    this.#knownInARow = isKnown && firstStranger !== undefined ? this.#knownInARow + 1 : 0;
    if (next === undefined) this.#running--;
    else next.start();
  }

  #makeRoom(lane: HashLane): void {
    const { known, strangers } = this.#waiting;
    if (lane === "known" && this.#duration * weightOf(known) < this.#maxWait * this.limit) {
      for (const last of [...strangers].reverse()) if (this.#isFull) last.refuse(this.#refusal());
    }
    if (this.#isFull) throw this.#refusal();
  }

  get #isFull(): boolean {
    return this.#wait() >= this.#maxWait;
  }

  /** The time until the jobs that wait have begun (ms). */
  #wait(): number {
    const { known, strangers } = this.#waiting;
    return ((weightOf(known) + weightOf(strangers)) * this.#duration) / this.limit;
  }

  #measure(duration: number): void {
    this.#duration += smoothing * (Math.max(duration, minDuration) - this.#duration);
  }

  #refusal(): TooManyRequestsError {
    this.#onRefusal();
    const retryAfter = Math.max(1, Math.ceil(this.#wait() / 1_000));
    return new TooManyRequestsError(`Too many passwords are being checked. Try again in ${retryAfter} s.`, {
      retryAfter,
    });
  }
}

const weightOf = (places: Iterable<Place>): number => {
  let sum = 0;
  for (const { weight } of places) sum += weight;
  return sum;
};

function countOf(places: Iterable<Place>, deviceId: string): number {
  let count = 0;
  for (const place of places) if (place.deviceId === deviceId) count++;
  return count;
}

interface HashQueueOptions {
  readonly limit: number;
  readonly maxWait?: number;
  readonly now?: () => number;
  readonly onRefusal?: () => void;
}
