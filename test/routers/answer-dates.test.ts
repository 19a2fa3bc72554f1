import fc from "fast-check";
import superjson from "superjson";
import { expect, it } from "vitest";
import { writeDates } from "../../src/routers/answer-dates.ts";
import { serialize } from "../../src/routers/transformer.ts";

const key = fc.string({ unit: fc.constantFrom("a", ".", "\\", "0", " "), maxLength: 4 });
const json = fc.constantFrom(null, true, 1.5, -7, "text", "2026-01-01T00:00:00.000Z");
const date = fc.date({ noInvalidDate: true });
const other = fc.constantFrom(undefined, Number.NaN, -0, 1n, new Set([1]), new Map([[1, 2]]), /x/, new Error("e"));

/** Objects of these values. */
const answersOf = (...values: fc.Arbitrary<unknown>[]) => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      ...values,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 3 }),
    ),
  }));
  return fc.dictionary(key, value, { maxKeys: 4 });
};

it("an answer is written as superjson writes it", () => {
  fc.assert(
    fc.property(fc.oneof(answersOf(json, date), answersOf(json, date, other)), (answer) => {
      const sent = (form: object) => JSON.parse(JSON.stringify(form));
      expect(sent(serialize(answer))).toEqual(sent(superjson.serialize(answer)));
    }),
    { numRuns: 1_000 },
  );
});

it("an answer of JSON and dates needs no superjson, and stays as it was", () => {
  fc.assert(
    fc.property(answersOf(json, date), (answer) => {
      const before = structuredClone(answer);
      expect(writeDates(answer)).toBeDefined();
      expect(answer).toEqual(before);
    }),
  );
});

it.each([
  ["a date", new Date(0)],
  ["a text", "text"],
  ["nothing", undefined],
  ["an object of a class", new URL("http://a")],
])("an answer that is %s is written as superjson writes it", (_, answer) => {
  expect(serialize(answer)).toEqual(superjson.serialize(answer as never));
});

it("an object that contains itself, and names that superjson refuses, are refused", () => {
  const circle: Record<string, unknown> = {};
  circle["inside"] = circle;
  expect(writeDates(circle)).toBeUndefined();
  expect(() => serialize(JSON.parse('{"a":{"__proto__":1}}'))).toThrow("prototype pollution");
});
