import fc from "fast-check";
import superjson from "superjson";
import { describe, expect, it } from "vitest";
import { deserialize } from "../../src/routers/transformer.ts";

const refused = (input: unknown) => {
  expect(() => deserialize(input)).toThrow(expect.objectContaining({ name: "InvalidInputError" }));
};

describe("deserialize", () => {
  it("the transformer reads JSON, dates and undefined as superjson does, with any keys", () => {
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
    ["an annotation far beyond the end of an array", { json: { a: [] }, meta: { values: { "a.2000000": ["Date"] } } }],
    ["an annotation of an inherited property", { json: { a: 1 }, meta: { values: { toString: ["Date"] } } }],
    ["an annotation of an unknown kind", { json: { a: [] }, meta: { values: { a: ["set"] } } }],
    ["a Date annotation of an object", { json: { a: { toString: 1, valueOf: 1 } }, meta: { values: { a: ["Date"] } } }],
    ["an undefined annotation of a string", { json: { a: "x" }, meta: { values: { a: ["undefined"] } } }],
    ["an infinite number", JSON.parse('{"json":{"a":[1e999]}}')],
    ["more than a hundred thousand values", { json: { a: Array(100_001).fill(0) } }],
    [
      "more than a hundred thousand keys",
      { json: Object.fromEntries(Array.from({ length: 100_001 }, (_, n) => [n, 0])) },
    ],
    ["a class", { json: { a: {} }, meta: { values: { a: [["class", "Error"]] } } }],
    ["a nested annotation", { json: { a: "x" }, meta: { values: { a: [["Date"]] } } }],
    ["a nested annotation at the root", { json: "x", meta: { values: [["Date"]] } }],
    [
      "an annotation that is not a string",
      { json: { a: "x" }, meta: { values: { a: [{ toString: 1, valueOf: 1 }] } } },
    ],
    ["a path that superjson does not write", { json: { ab: "x" }, meta: { values: { "a\\b": ["Date"] } } }],
    ["a path that ends in a backslash", { json: { "a\\": "x" }, meta: { values: { "a\\": ["Date"] } } }],
    ["a number annotation of a string", { json: { a: "Infinity" }, meta: { values: { a: ["number"] } } }],
    ["annotations that are not an object", { json: {}, meta: { values: "Date" } }],
    ["no value", undefined],
    ["no key json", { id: 1 }],
  ])("the transformer refuses an input with %s", (_, input) => refused(input));

  it.each(["__proto__", "constructor", "prototype"])(
    "the transformer refuses an input with the key %s at any depth",
    (key) => {
      refused(JSON.parse(`{"json":{"a":[{"${key}":1}]}}`));
    },
  );

  it("the transformer refuses an input of more than 32 levels, also one of a million levels", () => {
    const nested = (levels: number) => ({ json: JSON.parse("[".repeat(levels) + "]".repeat(levels)) });
    expect(deserialize(nested(32))).toBeDefined();
    refused(nested(33));
    let deep: unknown[] = [];
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    refused({ json: deep });
  });

  it("the transformer ignores references, which would double the values that they name", () => {
    const json = { a: { x: 1 }, b: { y: 2 } };
    expect(deserialize({ json, meta: { referentialEqualities: { a: ["b.y"], toString: ["then"] } } })).toEqual(json);
  });
});
