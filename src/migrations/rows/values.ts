import type { Type } from "./description.ts";
import { guess, leaves } from "./leaves.ts";
import { type Hints, joinHints, readHints } from "./literals.ts";
import { integer, pick, type Random } from "./random.ts";

const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;

/** Values of a database's types, as texts in PostgreSQL's input syntax. */
export function createValues(types: ReadonlyMap<string, Type>, random: Random) {
  /** A value of the type; `hints` are what the constraints on it name. */
  function draw(oid: string, typmod: number, hints: Hints): string {
    const type = types.get(oid);
    if (type === undefined) return guess(random, hints, typmod);
    if (type.base) {
      const own = readHints(type.checks.map(({ definition }) => definition));
      return draw(type.base, type.typmod, joinHints(hints, own));
    }
    if (type.labels) return pick(random, type.labels);
    if (type.element) return arrayOf(type.element, typmod, hints);
    if (type.subtype) return rangeOf(type.subtype, hints);
    if (type.range) return `{${draw(type.range, -1, hints)}}`;
    if (type.attributes) return `(${type.attributes.map((of) => quote(draw(of.type, of.typmod, hints))).join(",")})`;

    // What is no text can still be named by one: '10.0.0.0/8'::inet.
    const plain = hints.strings.filter((text) => /^[\w.:/ +-]+$/.test(text));
    const leaf = leaves[type.name];
    if (leaf && !["json", "jsonb"].includes(type.name) && type.category !== "S" && plain.length > 0 && random() < 0.2)
      return pick(random, plain);
    return (leaf ?? guess)(random, hints, typmod);
  }

  function arrayOf(element: string, typmod: number, hints: Hints): string {
    const lengths = hints.numbers.filter((length) => Number.isInteger(length) && length >= 0 && length <= 50);
    const length = lengths.length > 0 && random() < 0.5 ? pick(random, lengths) : integer(random, 1, 3);
    const elements = Array.from({ length }, () => quote(draw(element, typmod, hints)));
    return `{${elements.join(types.get(element)?.name === "box" ? ";" : ",")}}`;
  }

  function rangeOf(subtype: string, hints: Hints): string {
    const ends = [draw(subtype, -1, hints), draw(subtype, -1, hints)];
    if (ends.every((end) => !Number.isNaN(Number(end)))) ends.sort((a, b) => Number(a) - Number(b));
    else ends.sort();
    return `[${ends.map(quote).join(",")})`;
  }

  return { draw };
}

export type Values = ReturnType<typeof createValues>;
