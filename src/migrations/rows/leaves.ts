import type { Hints } from "./literals.ts";
import { characters, integer, pick, type Random, word } from "./random.ts";
import { textOf, uuid } from "./texts.ts";

type Leaf = (random: Random, hints: Hints, typmod: number) => string;

const day = 24 * 60 * 60 * 1000;
const byte = (random: Random) => integer(random, 0, 255);
const hexByte = (random: Random) => characters(random, 2, "0123456789abcdef");
const list = (count: number, make: () => unknown, separator: string) =>
  Array.from({ length: count }, make).join(separator);

/** A number the hints may be about: one of them, its neighbours, or between two of them. */
function number(random: Random, { numbers }: Hints, high: number): number {
  if (numbers.length === 0 || random() < 0.35) return random() * Math.min(high, pick(random, [10, 100, 1000, 30_000]));
  const hint = pick(random, numbers);
  return random() < 0.5 ? hint + integer(random, -1, 1) : hint + random() * (pick(random, numbers) - hint);
}

const whole =
  (high: number): Leaf =>
  (random, hints) =>
    number(random, hints, high).toFixed(0);

/** Precision and scale lie in the type modifier as numeric.c packs them. */
const numeric: Leaf = (random, hints, typmod) => {
  if (typmod < 4) return number(random, hints, 1e6).toFixed(integer(random, 0, 3));
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  return number(random, hints, 10 ** Math.min(precision - scale, 6) * 0.9).toFixed(Math.max(0, Math.min(scale, 20)));
};

/** Within ten years, or near a moment that the hints name. */
function moment(random: Random, { strings, numbers }: Hints): Date {
  const years = numbers.filter((year) => Number.isInteger(year) && year > 1800 && year < 2200).map(String);
  const named = [...strings, ...years]
    .map((text) => Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")))
    .filter((time) => !Number.isNaN(time));
  if (named.length === 0 || random() < 0.35) return new Date(Date.UTC(2020, 0, 1) + Math.floor(random() * 3650 * day));
  return new Date(pick(random, named) + integer(random, -1, 30) * pick(random, [day, day / 24, 0]));
}

const stamp: Leaf = (random, hints) => moment(random, hints).toISOString();
const time: Leaf = (random) => new Date(Math.floor(random() * day)).toISOString().slice(11, 19);
const point: Leaf = (random) => `(${integer(random, 0, 99)},${integer(random, 0, 99)})`;
const text: Leaf = (random, hints, typmod) => textOf(random, hints, typmod < 4 ? Number.POSITIVE_INFINITY : typmod - 4);
const bits: Leaf = (random, _, typmod) => characters(random, typmod < 1 ? 8 : typmod, "01");

/** An object of the words that the hints name, or any value. */
const json: Leaf = (random, { strings }) => {
  const names = strings.filter((name) => /^[\w-]+$/.test(name));
  const value = (): unknown =>
    pick(random, [word(random), integer(random, 0, 100), true, [], {}, [word(random)], ...names]);
  if (random() < 0.4) return JSON.stringify(value());
  const keys = names.filter(() => random() < 0.8);
  return JSON.stringify(Object.fromEntries((keys.length > 0 ? keys : [word(random)]).map((name) => [name, value()])));
};

const bytes: Leaf = (random, { numbers }) => {
  const lengths = numbers.filter((length) => length >= 0 && length <= 10_000);
  const length = lengths.length > 0 && random() < 0.7 ? pick(random, lengths) : integer(random, 1, 16);
  return `\\x${list(Math.round(length), () => hexByte(random), "")}`;
};

/** Values in PostgreSQL's input syntax by the type's name, in whatever schema an extension has put it. */
export const leaves: Record<string, Leaf> = {
  bool: (random) => pick(random, ["true", "false"]),
  int2: whole(30_000),
  int4: whole(1e6),
  int8: whole(1e9),
  oid: whole(1e6),
  xid: whole(1e6),
  xid8: whole(1e6),
  float4: (random, hints) => number(random, hints, 1e4).toPrecision(5),
  float8: (random, hints) => number(random, hints, 1e6).toPrecision(9),
  numeric,
  money: (random, hints) => number(random, hints, 1e4).toFixed(2),
  text,
  varchar: text,
  bpchar: text,
  citext: text,
  name: (random, hints) => textOf(random, hints, 63),
  char: (random, hints) => textOf(random, hints, 1),
  uuid: (random) => uuid(random),
  date: (random, hints) => moment(random, hints).toISOString().slice(0, 10),
  timestamp: stamp,
  timestamptz: stamp,
  time,
  timetz: (...leaf) => `${time(...leaf)}+00`,
  interval: (random) => `${integer(random, 1, 60)} ${pick(random, ["minutes", "hours", "days"])}`,
  json,
  jsonb: json,
  jsonpath: (random) => `$.${word(random)}`,
  bytea: bytes,
  inet: (random) => `10.${list(3, () => byte(random), ".")}`,
  cidr: (random) => `10.${byte(random)}.${byte(random)}.0/24`,
  macaddr: (random) => `08:${list(5, () => hexByte(random), ":")}`,
  macaddr8: (random) => `08:${list(7, () => hexByte(random), ":")}`,
  bit: bits,
  varbit: bits,
  point,
  line: (random) => `{1,${integer(random, 1, 9)},${integer(random, 1, 9)}}`,
  lseg: (...leaf) => `[${point(...leaf)},${point(...leaf)}]`,
  box: (...leaf) => `${point(...leaf)},${point(...leaf)}`,
  path: (...leaf) => `(${point(...leaf)},${point(...leaf)})`,
  polygon: (...leaf) => `(${point(...leaf)},${point(...leaf)},${point(...leaf)})`,
  circle: (...leaf) => `<${point(...leaf)},${integer(leaf[0], 1, 9)}>`,
  tsvector: (random) => `'${word(random)}':1 '${word(random)}':2`,
  tsquery: (random) => `'${word(random)}' & '${word(random)}'`,
  xml: (random) => `<${word(random)}/>`,
  pg_lsn: (random) => `0/${integer(random, 1, 9999)}`,
  tid: (random) => `(0,${integer(random, 1, 99)})`,
  regclass: () => "pg_catalog.pg_class",
  regtype: (random) => pick(random, ["integer", "text", "boolean"]),
  regrole: () => "pg_monitor",
  regnamespace: () => "pg_catalog",
  hstore: (random) => `${word(random)}=>${word(random)}`,
  ltree: (random) => `${word(random)}.${word(random)}`,
  cube: (random) => `(${integer(random, 0, 99)},${integer(random, 0, 99)})`,
  vector: (random, _, typmod) => `[${list(typmod < 1 ? 3 : typmod, () => integer(random, 0, 9), ",")}]`,
  geometry: (random) => `POINT(${integer(random, 0, 90)} ${integer(random, 0, 90)})`,
  geography: (random) => `POINT(${integer(random, 0, 90)} ${integer(random, 0, 90)})`,
};

/** For a type that nobody has heard of. */
export const guess: Leaf = (random, { strings }) =>
  pick(random, ["1", "a", "(1,1)", "{}", "[1]", "0/0", "1-1", "{1,1}", word(random), ...strings]);
