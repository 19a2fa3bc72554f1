/** Table-level lock modes in the spelling of pg_locks, weakest first (PostgreSQL manual, 13.3.1). */
export const lockModes = [
  "AccessShareLock",
  "RowShareLock",
  "RowExclusiveLock",
  "ShareUpdateExclusiveLock",
  "ShareLock",
  "ShareRowExclusiveLock",
  "ExclusiveLock",
  "AccessExclusiveLock",
] as const;

export type LockMode = (typeof lockModes)[number];

const effects: Readonly<Record<LockMode, string>> = {
  AccessShareLock: "reads and writes continue; only ACCESS EXCLUSIVE locks wait",
  RowShareLock: "reads and writes continue; only EXCLUSIVE and ACCESS EXCLUSIVE locks wait",
  RowExclusiveLock: "reads and writes continue; index builds and other locks that block writes wait",
  ShareUpdateExclusiveLock: "reads and writes continue; other schema changes and VACUUM wait",
  ShareLock: "writes are blocked; reads continue",
  ShareRowExclusiveLock: "writes are blocked; reads continue",
  ExclusiveLock: "writes and row locks are blocked; plain reads continue",
  AccessExclusiveLock: "reads and writes are blocked",
};

/** Returns what a lock of this mode blocks, as a text for the operator. */
export const lockEffect = (mode: LockMode): string => effects[mode];

/** Whether the mode conflicts with INSERT, UPDATE and DELETE. */
export const blocksWriters = (mode: LockMode): boolean => isAtLeast(mode, "ShareLock");

/** Whether `mode` is `other` or comes after it in the order of the manual. */
export const isAtLeast = (mode: LockMode, other: LockMode): boolean =>
  lockModes.indexOf(mode) >= lockModes.indexOf(other);

/** Returns the strongest mode; undefined when there is none. */
export const strongest = (modes: Iterable<LockMode>): LockMode | undefined =>
  [...modes].sort((a, b) => lockModes.indexOf(a) - lockModes.indexOf(b)).at(-1);
