import { vi } from "vitest";

/** Retries `check` until it succeeds, for up to 20 s, because the machine may be under load. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });
