import { type Argon2Cost, noPassword, parsePasswordHash } from "../../validation/index.ts";

/**
 * Whether a sign-in should replace a hash that it has just verified: every hash but one of Argon2id, version 19, with at least
 * the current parameters. `!` is not replaced, because no password has verified it.
 */
export function needsRehash(hash: string, current: Argon2Cost): boolean {
  if (hash === noPassword) return false;
  const parsed = parsePasswordHash(hash);
  if (parsed?.format !== "argon2") return true;
  const { cost, groups } = parsed;
  return (
    groups.type !== "id" ||
    groups.version !== "v=19$" ||
    cost.memoryKiB < current.memoryKiB ||
    cost.passes < current.passes ||
    cost.lanes < current.lanes
  );
}
