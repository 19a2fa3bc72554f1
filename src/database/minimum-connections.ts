import type { Sql } from "postgres";
import { repeat } from "../interval.ts";

/**
 * Keeps at least `min` connections of a pool open, because postgres.js has a maximum and no minimum.
 *
 * `min` concurrent queries use `min` connections and open those that are missing. They are repeated every `interval` ms,
 * which must be shorter than the idle timeout. postgres.js picks the connection that has been idle longest, so that
 * connections beyond the minimum still reach the timeout and close.
 *
 * @returns resolves when the first `min` connections are open
 */
export async function keepMinimumConnections(
  client: Sql,
  { min, interval, signal }: { min: number; interval: number; signal: AbortSignal },
): Promise<void> {
  // The next query of the service reports a failure.
  const openMinimum = () => Promise.allSettled(Array.from({ length: min }, () => client`select 1`));
  repeat(openMinimum, { ms: interval, signal });
  await openMinimum();
}
