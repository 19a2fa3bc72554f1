import type { AttemptBucket } from "./attempt-bucket.ts";

/** A device that has signed in. */
export interface Device {
  readonly id: string;
  readonly bucket: AttemptBucket;
  token: string;
  /** The command in which it was used last; below 0 before the first. */
  lastUse: number;
  expiresAt: number;
}

/** The permission to check one password. */
export interface Ticket {
  /** Undefined for a stranger's. */
  readonly deviceId: string | undefined;
  readonly number: number;
  /** Failed attempts before it. */
  readonly failures: number;
}

export interface Session {
  readonly id: string;
  readonly accessToken: string;
  /** All refresh tokens so far; the last one is current. */
  readonly tokens: string[];
  readonly expiresAt: number;
  deviceId: string | undefined;
  /** The command in which it was used last. */
  lastUse: number;
  idleExpiresAt: number;
  authenticatedAt: number;
  hasSecondFactor: boolean;
  rotatedAt: number | undefined;
  /** Whether a late replay has been recorded since the last rotation. */
  isReplayed: boolean;
  /** Whether time has been moved since the current token was issued, which changes the times in its text. */
  isAged: boolean;
  /** Why the session ended. */
  ended: string | undefined;
}

export interface Challenge {
  readonly token: string;
  readonly ticket: Ticket;
  readonly expiresAt: number;
  /** The password that it began with. */
  readonly password: string;
  isDone: boolean;
}

export interface Factor {
  readonly secret: string;
  /** The time step of the last code that was taken. */
  lastStep: number;
  recoveryCodes: string[];
}
