import type { Outputs, SessionStage } from "../routers/index.ts";

/** An access token in memory. */
export interface AccessGrant {
  readonly accessToken: string;
  /** What the storage holds as long as this is the latest access token. */
  readonly stored: string;
  readonly stage: SessionStage;
  readonly userId: string;
  /** From when on the next call renews the token (ms of the monotonic clock). */
  readonly renewAt: number;
  /** When the token expires (ms of the monotonic clock). */
  readonly expiresAt: number;
}

/** An answer of the service with tokens. */
export type TokenAnswer = Outputs["auth"]["refresh"];

/** A token is renewed when a fifth of its lifetime is left, but at most this long before its end (ms). */
const longestMargin = 60_000;

/**
 * The time of a monotonic clock (ms). The wall clock of a device may be wrong or be set while the program runs, so the
 * times of the service are never compared with it.
 */
export const monotonicNow = (): number => performance.now();

/** Measures the lifetime from when the token was requested, which is before the service began to count. */
export function accessGrant(
  {
    expiresIn,
    ...grant
  }: Pick<TokenAnswer, "expiresIn"> & Pick<AccessGrant, "accessToken" | "stored" | "stage" | "userId">,
  requestedAt: number,
): AccessGrant {
  const lifetime = expiresIn * 1_000;
  const expiresAt = requestedAt + lifetime;
  const renewAt = expiresAt - Math.min(longestMargin, lifetime / 5);
  return { ...grant, renewAt, expiresAt };
}
