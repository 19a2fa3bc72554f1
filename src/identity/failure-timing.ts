import { setTimeout } from "node:timers/promises";

/**
 * Waits until a whole number of seconds has passed since the call arrived: 1, 2, 3, … A failed sign-in then takes the same
 * time whether the account exists, is locked, or has a hash that is quick to check (OWASP ASVS 5.0, 6.3.8).
 *
 * @param arrived the time of arrival by `performance.now()` (ms)
 */
export async function waitForWholeSecond(arrived: number): Promise<void> {
  const elapsed = performance.now() - arrived;
  await setTimeout(Math.max(1, Math.ceil(elapsed / 1_000)) * 1_000 - elapsed);
}
