import { type Hints, isLike, matchLike } from "./literals.ts";
import { isPattern, matchPattern } from "./pattern.ts";
import { characters, integer, pick, type Random, word } from "./random.ts";

const hex = "0123456789abcdef";
const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

export function uuid(random: Random): string {
  const [a, b, c, d, e] = [8, 4, 3, 3, 12].map((count) => characters(random, count, hex));
  return `${a}-${b}-4${c}-8${d}-${e}`;
}

/** Forms that texts usually have, and that a CHECK by way of a function may ask for. */
const shapes: readonly ((random: Random) => string)[] = [
  word,
  (random) => `${word(random)} ${word(random)}.`,
  (random) => characters(random, 1, capitals) + word(random),
  (random) => `${word(random)}@example.com`,
  (random) => `https://example.com/${word(random)}`,
  uuid,
  (random) => `$${word(random)}$${characters(random, 22, hex)}`,
  (random) => characters(random, pick(random, [6, 32, 40, 64]), hex),
  (random) => characters(random, integer(random, 1, 10), "123456789"),
  (random) => characters(random, integer(random, 2, 8), capitals),
  (random) => pick(random, ["DE", "FR", "US", "JP", "GB"]),
  (random) => pick(random, ["EUR", "USD", "JPY", "GBP"]),
  (random) => pick(random, ["en", "de", "fr", "en-US", "de-DE"]),
  (random) => `${word(random)}-${word(random)}-${integer(random, 1, 99)}`,
  (random) => `${word(random)}_${integer(random, 1, 9999)}`,
  (random) => `+49${characters(random, 9, "123456789")}`,
  (random) => `#${characters(random, 6, hex)}`,
  (random) => `/${word(random)}/${word(random)}`,
  (random) => `${word(random)}.example.com`,
  (random) => [1, 2, 3].map(() => integer(random, 0, 20)).join("."),
  (random) => `10.0.${integer(random, 0, 255)}.${integer(random, 1, 254)}`,
  (random) => `20${integer(random, 20, 29)}-0${integer(random, 1, 9)}-${integer(random, 10, 28)}`,
  () => "Europe/Berlin",
  () => "{}",
];

/** A text of at most `limit` characters, such as the hints, if any, may be about. */
export function textOf(random: Random, hints: Hints, limit: number): string {
  const text = hinted(random, hints, limit) ?? pick(random, shapes)(random);
  return text.length <= limit ? text : characters(random, integer(random, Math.min(1, limit), Math.min(limit, 12)));
}

function hinted(random: Random, { strings, numbers }: Hints, limit: number): string | undefined {
  const hints = [...strings, ...numbers];
  if (hints.length === 0 || random() < 0.35) return undefined;
  const hint = pick(random, hints);
  if (typeof hint === "number") {
    // A length, or a bound of one.
    const length = Math.round(hint) + integer(random, -1, 1);
    return length >= 0 && length <= Math.min(limit, 10_000) ? characters(random, length) : undefined;
  }
  if (random() < 0.25) return hint;
  if (isPattern(hint)) return matchPattern(hint, random) ?? hint;
  return isLike(hint) ? matchLike(hint, random) : hint;
}
