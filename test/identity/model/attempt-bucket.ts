/** Attempts after which every account, device and factor is locked for good, or forgotten. */
export const maxAttempts = 100;
export const maxDeviceAttempts = 20;

/** Failures of strangers are forgotten this long after the last one (s). */
export const failureMemory = 30 * 86_400;

/** The lock that begins with an attempt (s): none for the free ones, then 30 s, doubling to 1 h. */
const lockOf = (attempts: number, free: number) =>
  attempts > free ? Math.min(30 * 2 ** (attempts - free - 1), 3_600) : 0;

/** Counted attempts to authenticate, as issue and API.md describe them. Times are seconds of the model's clock. */
export class AttemptBucket {
  attempts = 0;
  /** Its value is the ticket of an attempt. */
  total = 0;
  lockedUntil: number | undefined;
  isFailing = false;
  lastAttempt = 0;

  /** @param name what the trail is about */
  constructor(
    readonly name: string,
    readonly free: number,
  ) {}

  isLocked(now: number): boolean {
    return this.attempts >= maxAttempts || (this.lockedUntil ?? 0) > now;
  }

  /** Counts an attempt, before what it presents is checked. @returns its ticket */
  count(now: number): number {
    this.attempts++;
    this.total++;
    this.lastAttempt = now;
    const lock = lockOf(this.attempts, this.free);
    this.lockedUntil = lock > 0 ? now + lock : undefined;
    return this.total;
  }

  /** Forgives an attempt and all earlier ones. Later ones stay. */
  forgive(ticket: number): void {
    this.attempts = Math.max(0, Math.min(this.attempts, this.total - ticket));
    if (this.attempts === 0) this.isFailing = false;
    if (lockOf(this.attempts, this.free) === 0) this.lockedUntil = undefined;
  }

  forget(): void {
    this.attempts = 0;
    this.isFailing = false;
    this.lockedUntil = undefined;
  }
}
