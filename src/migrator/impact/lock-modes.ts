/** Table-level locks as pg_locks spells them, weakest first (PostgreSQL manual, 13.3.1). */
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

const waits: Readonly<Record<LockMode, string>> = {
  AccessShareLock: "readers and writers go on; only what shuts out readers waits",
  RowShareLock: "readers and writers go on; only what shuts out readers or row locks waits",
  RowExclusiveLock: "readers and writers go on; index builds and what else shuts out writers wait",
  ShareUpdateExclusiveLock: "readers and writers go on; other schema changes and vacuum wait",
  ShareLock: "nobody can write it; reading goes on",
  ShareRowExclusiveLock: "nobody can write it; reading goes on",
  ExclusiveLock: "nobody can write it or lock its rows; plain reading goes on",
  AccessExclusiveLock: "nobody can read or write it",
};

/** Who waits while a table is locked so, in words for an operator. */
export const lockEffect = (mode: LockMode): string => waits[mode];

/** Whether INSERT, UPDATE and DELETE wait for it. */
export const blocksWriters = (mode: LockMode): boolean => isAtLeast(mode, "ShareLock");

/** Whether the first lock stands no lower than the second in the manual's order. */
export const isAtLeast = (mode: LockMode, other: LockMode): boolean =>
  lockModes.indexOf(mode) >= lockModes.indexOf(other);

/** The highest of these locks; undefined for none. */
export const strongest = (modes: Iterable<LockMode>): LockMode | undefined =>
  [...modes].sort((a, b) => lockModes.indexOf(a) - lockModes.indexOf(b)).at(-1);
