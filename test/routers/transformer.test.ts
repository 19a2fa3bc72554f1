import fc from "fast-check";
import superjson from "superjson";
import { describe, expect, it } from "vitest";
import { deserialize } from "../../src/routers/transformer.ts";

const refused = (input: unknown) => {
  expect(() => deserialize(input)).toThrow(expect.objectContaining({ name: "InvalidInputError" }));
};

describe("an input", () => {
  it("arrives as superjson sent it: JSON, dates and undefined, whatever the keys", () => {
    const key = fc.string({ unit: fc.constantFrom("a", ".", "\\", "0", " "), maxLength: 4 });
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, undefined, 1.5, -0, "text"),
        fc.date({ noInvalidDate: true }),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 4 }), (input) => {
        const sent = JSON.parse(JSON.stringify(superjson.serialize(input)));
        expect(deserialize(sent)).toEqual(superjson.deserialize(sent));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["an annotation far behind an array's end", { json: { a: [] }, meta: { values: { "a.2000000": ["Date"] } } }],
    ["an annotation of what every object has", { json: { a: 1 }, meta: { values: { toString: ["Date"] } } }],
    ["an annotation of a kind that no input is", { json: { a: [] }, meta: { values: { a: ["set"] } } }],
    ["a date where an object is", { json: { a: { toString: 1, valueOf: 1 } }, meta: { values: { a: ["Date"] } } }],
    ["undefined where a text is", { json: { a: "x" }, meta: { values: { a: ["undefined"] } } }],
    ["a number that is none", JSON.parse('{"json":{"a":[1e999]}}')],
    ["more than a hundred thousand values", { json: { a: Array(100_001).fill(0) } }],
    [
      "more than a hundred thousand keys",
      { json: Object.fromEntries(Array.from({ length: 100_001 }, (_, n) => [n, 0])) },
    ],
    ["a class", { json: { a: {} }, meta: { values: { a: [["class", "Error"]] } } }],
    ["an annotation in a list of its own", { json: { a: "x" }, meta: { values: { a: [["Date"]] } } }],
    ["the same at the root", { json: "x", meta: { values: [["Date"]] } }],
    ["an annotation that is no text", { json: { a: "x" }, meta: { values: { a: [{ toString: 1, valueOf: 1 }] } } }],
    ["a path that superjson does not write", { json: { ab: "x" }, meta: { values: { "a\\b": ["Date"] } } }],
    ["a path that ends in a backslash", { json: { "a\\": "x" }, meta: { values: { "a\\": ["Date"] } } }],
    ["a number in a text", { json: { a: "Infinity" }, meta: { values: { a: ["number"] } } }],
    ["annotations that are no record", { json: {}, meta: { values: "Date" } }],
    ["nothing", undefined],
    ["no json", { id: 1 }],
  ])("with %s is refused", (_, input) => refused(input));

  it.each(["__proto__", "constructor", "prototype"])("with the key %s is refused, however deep", (key) => {
    refused(JSON.parse(`{"json":{"a":[{"${key}":1}]}}`));
  });

  it("that nests deeper than 32 levels is refused, and one of a million levels is no fault", () => {
    const nested = (levels: number) => ({ json: JSON.parse("[".repeat(levels) + "]".repeat(levels)) });
    expect(deserialize(nested(32))).toBeDefined();
    refused(nested(33));
    let deep: unknown[] = [];
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    refused({ json: deep });
  });

  it("gets no references: each would double what it refers to", () => {
    const json = { a: { x: 1 }, b: { y: 2 } };
    expect(deserialize({ json, meta: { referentialEqualities: { a: ["b.y"], toString: ["then"] } } })).toEqual(json);
  });
});
