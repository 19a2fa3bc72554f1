/** Chance that is the same in every run: a number from 0 up to, but not, 1. */
export type Random = () => number;

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the integers from `low` to `high`, both included. */
export const integer = (random: Random, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

export function pick<T>(random: Random, list: readonly T[]): T {
  if (list.length === 0) throw new RangeError("nothing to pick from");
  return list[integer(random, 0, list.length - 1)] as T;
}

/** So many characters of an alphabet. */
export function characters(random: Random, count: number, alphabet = "abcdefghijklmnopqrstuvwxyz"): string {
  return Array.from({ length: Math.max(0, count) }, () => pick(random, [...alphabet])).join("");
}

export const word = (random: Random): string => characters(random, integer(random, 3, 9));
