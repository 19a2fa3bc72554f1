import type { Challenge, Device, Factor, Session, Ticket } from "./account-state.ts";
import { AttemptBucket, failureMemory, maxDeviceAttempts } from "./attempt-bucket.ts";
import { type Acting, Story } from "./story.ts";

/** Limits that the services of the model run with. */
export const sessionLimit = 3;
export const deviceLimit = 20;
const day = 86_400;

/** What an account should be after the calls so far. */
export class AccountModel extends Story {
  status: "active" | "suspended" | "banned" = "active";
  /** The passwords that the account has had; the last one is right. */
  readonly passwords: string[];
  readonly strangers = new AttemptBucket("strangers", 4);
  readonly codes = new AttemptBucket("codes", 4);
  readonly recovery = { hour: { count: 0, ends: 0 }, day: { count: 0, ends: 0 } };
  factor: Factor | undefined;
  readonly takenRecoveryCodes: string[] = [];
  devices: Device[] = [];
  readonly sessions: Session[] = [];
  readonly challenges: Challenge[] = [];

  constructor(
    readonly account: { readonly id: string; readonly username: string; readonly password: string },
    /** REFRESH_REUSE_SECONDS; undefined without a bound. */
    readonly reuse: number | undefined,
  ) {
    super();
    this.passwords = [account.password];
  }

  get password(): string {
    return this.passwords.at(-1) ?? "";
  }

  override passTime(seconds: number): void {
    super.passTime(seconds);
    for (const session of this.sessions) session.isAged = true;
    if (this.factor !== undefined) this.factor.lastStep -= Math.floor(seconds / 30);
  }

  isLive({ ended, expiresAt, idleExpiresAt }: Session): boolean {
    return ended === undefined && Math.min(expiresAt, idleExpiresAt) > this.now;
  }

  isOpen = ({ isDone, expiresAt, password }: Challenge): boolean =>
    !isDone && expiresAt > this.now && password === this.password;

  /** Whether the session is admitted to a call of its owner. */
  refusalOf(session: Session): "FORBIDDEN" | "UNAUTHORIZED" | undefined {
    if (this.status !== "active") return "FORBIDDEN";
    return this.isLive(session) ? undefined : "UNAUTHORIZED";
  }

  /** Whether the owner has proved their identity within 10 minutes, by all factors of the account. */
  isRecent = ({ authenticatedAt, hasSecondFactor }: Session): boolean =>
    authenticatedAt > this.now - 600 && (hasSecondFactor || this.factor === undefined);

  isKnown = (device: Device): boolean => this.devices.includes(device) && device.expiresAt > this.now;

  /** Counts an attempt of a password. @returns undefined if it may not be checked */
  take(by: Acting, device: Device | undefined): Ticket | undefined {
    const known =
      device !== undefined && this.isKnown(device) && device.bucket.attempts < maxDeviceAttempts ? device : undefined;
    const bucket = known?.bucket ?? this.strangers;
    return this.record(by, bucket, () => {
      if (known === undefined && bucket.lastAttempt < this.now - failureMemory) bucket.forget();
      if (bucket.isLocked(this.now)) return undefined;
      const failures = bucket.attempts;
      return { deviceId: known?.id, number: bucket.count(this.now), failures };
    });
  }

  fail(by: Acting, { deviceId }: Ticket): void {
    const device = this.devices.find(({ id }) => id === deviceId);
    if (device !== undefined && device.bucket.attempts >= maxDeviceAttempts) this.forgetDevice(by, device);
    const bucket = deviceId === undefined ? this.strangers : device?.bucket;
    if (bucket !== undefined)
      this.record(by, bucket, () => {
        bucket.isFailing = true;
      });
  }

  forgive(by: Acting, { deviceId, number }: Ticket): void {
    const bucket = deviceId === undefined ? this.strangers : this.devices.find(({ id }) => id === deviceId)?.bucket;
    if (bucket !== undefined) this.record(by, bucket, () => bucket.forgive(number));
  }

  /** Wrong passwords that arrive at once. */
  guess(by: Acting, count: number, device: Device | undefined): void {
    const tickets = Array.from({ length: count }, () => this.take(by, device)).filter((ticket) => ticket !== undefined);
    for (const ticket of tickets) this.fail(by, ticket);
  }

  /** A wrong one-time code, or a right one before it is taken. @returns the ticket; undefined while codes are locked */
  takeCode(by: Acting): number | undefined {
    return this.record(by, this.codes, () => (this.codes.isLocked(this.now) ? undefined : this.codes.count(this.now)));
  }

  /** @returns whether a recovery code may be checked */
  countRecovery(): boolean {
    const { hour, day: days } = this.recovery;
    return this.#countWindow(hour, 5, 3_600) && this.#countWindow(days, 20, day);
  }

  #countWindow(window: { count: number; ends: number }, most: number, span: number): boolean {
    if (window.ends <= this.now) Object.assign(window, { count: 0, ends: this.now + span });
    window.count++;
    return window.count <= most;
  }

  /** The session of a sign-in that succeeded. */
  begin(ticket: Ticket, answer: BegunSession, factors: readonly string[]): void {
    const { now } = this;
    const { id, deviceId, failures } = answer.session;
    const device = this.devices.find((one) => one.id === deviceId);
    if (device === undefined) this.tell("owner", `device ${deviceId} known`);
    else if (device.token !== answer.deviceToken) this.tell("owner", `device ${deviceId} has a new token`);
    const known = device ?? { id: deviceId, bucket: new AttemptBucket(`device ${deviceId}`, 9) };
    const used = { token: answer.deviceToken, lastUse: this.story.length, expiresAt: now + 400 * day };
    this.devices = [...this.devices.filter((one) => one !== device), Object.assign(known, used)];
    this.tell("owner", `session ${id} began on ${deviceId} by ${factors.join("+")} after ${failures}`);
    this.sessions.push({
      id,
      deviceId,
      accessToken: answer.accessToken,
      tokens: [answer.refreshToken],
      lastUse: this.story.length,
      expiresAt: now + 30 * day,
      idleExpiresAt: now + 14 * day,
      authenticatedAt: now,
      hasSecondFactor: factors.length > 1,
      rotatedAt: undefined,
      isReplayed: false,
      isAged: false,
      ended: undefined,
    });
    this.forgive("owner", ticket);
  }

  /**
   * Ends and forgets what exceeds the limits after sign-ins: what was not used for the longest time.
   *
   * @param observed what remains; it decides among those that were used last in one command
   */
  enforceLimits(observed: { readonly live: readonly string[]; readonly devices: object }): void {
    const live = this.sessions.filter((session) => this.isLive(session));
    for (const session of excess(live, sessionLimit, ({ id }) => observed.live.includes(id)))
      this.end("owner", session, "session_limit");
    for (const device of excess(this.devices, deviceLimit, ({ id }) => id in observed.devices))
      this.forgetDevice("owner", device);
  }

  end(by: Acting, session: Session, reason: string): void {
    session.ended = reason;
    this.tell(by, `session ${session.id} ended: ${reason}`);
  }

  forgetDevice(by: Acting, device: Device): void {
    this.devices = this.devices.filter((one) => one !== device);
    this.tell(by, `device ${device.id} forgotten`);
    for (const session of this.sessions.filter(({ deviceId }) => deviceId === device.id)) {
      session.deviceId = undefined;
      this.tell(by, `session ${session.id} lost its device`);
    }
  }
}

/** Those beyond a limit, the least recently used. */
function excess<Item extends { lastUse: number }>(
  items: readonly Item[],
  limit: number,
  remains: (item: Item) => boolean,
): Item[] {
  const order = (a: Item, b: Item) => a.lastUse - b.lastUse || Number(remains(a)) - Number(remains(b));
  return [...items].sort(order).slice(0, Math.max(0, items.length - limit));
}

/** What the model uses of the answer to a sign-in. */
export interface BegunSession {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly deviceToken: string;
  readonly session: { readonly id: string; readonly deviceId: string; readonly failures: number };
}
