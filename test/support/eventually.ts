import { vi } from "vitest";

/** Waits for something to hold that comes about by itself, as long as a busy machine may take for it. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });
