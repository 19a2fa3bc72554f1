import fc from "fast-check";
import { expect, test } from "vitest";
import { InFlight, type InFlightEntry } from "../src/in-flight.ts";

test("behaves like an array to which values are appended, and from which any are removed", () => {
  const step = fc.oneof(fc.constant("add" as const), fc.nat(20));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new InFlight<number>();
      const expected: number[] = [];
      const entries: InFlightEntry<number>[] = [];
      for (const step of steps) {
        if (step === "add") {
          expected.push(entries.length);
          entries.push(list.add(entries.length));
        } else {
          // A number that was removed before, too: that does nothing.
          const entry = entries[step];
          const place = expected.indexOf(step);
          if (entry !== undefined) list.remove(entry);
          if (place >= 0) expected.splice(place, 1);
        }
        expect(list.values()).toEqual(expected);
        expect(list.first?.value).toBe(expected[0]);
      }
    }),
  );
});

test("a removed entry refers to no other, so that it keeps none of them in memory", () => {
  const list = new InFlight<string>();
  const [, second] = ["first", "second", "third"].map((value) => list.add(value));
  if (second === undefined) throw new Error("no entry");
  list.remove(second);
  expect(second.previous).toBe(second);
  expect(second.next).toBe(second);
});
