import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isExactNumber, markInexactNumbers, parseStoredJson } from "../../src/json/numbers.ts";

describe("isExactNumber", () => {
  it.each([
    "0",
    "-0",
    "1.0",
    "100",
    "1e2",
    "0.1",
    "9007199254740992",
    "1e300",
    "5e-324",
    "1.7976931348623157e308",
    "0e999999",
  ])("isExactNumber accepts %s, which a double holds exactly", (token) => expect(isExactNumber(token)).toBe(true));

  it.each([
    "12345678901234567890",
    "9007199254740993",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1000000000000000055511151231257827",
    "1.7976931348623158e308",
    "0.12345678901234567890",
  ])("isExactNumber refuses %s, which a double rounds", (token) => expect(isExactNumber(token)).toBe(false));

  it("isExactNumber accepts every number that JavaScript writes, and refuses it with an additional digit", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => isExactNumber(JSON.stringify(n))),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (n) => {
        expect(isExactNumber(String(n))).toBe(
          BigInt(Number(n).toLocaleString("fullwide", { useGrouping: false, maximumSignificantDigits: 17 })) === n ||
            sameShortest(n),
        );
      }),
    );
  });
});

/** Whether the shortest digits of the double are those of the number. */
function sameShortest(n: bigint): boolean {
  const [digits = "", exponent = "0"] = String(Number(n)).split("e");
  const [whole = "", fraction = ""] = digits.split(".");
  const zeros = Number(exponent) - fraction.length;
  return BigInt(whole + fraction) * 10n ** BigInt(Math.max(zeros, 0)) === n;
}

describe("JSON", () => {
  it("JSON strings are unchanged, even if they contain text that resembles a number", () => {
    const text = fc.string({ unit: fc.constantFrom('"', "\\", "1e400", "12345678901234567890", "{", " ") });
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.array(text))), (value) => {
        expect(JSON.parse(markInexactNumbers(JSON.stringify(value)))).toEqual(value);
        expect(parseStoredJson(JSON.stringify(value))).toEqual(value);
      }),
    );
  });

  it("JSON of the database returns a number that a double cannot hold as a string of its digits", () => {
    expect(
      parseStoredJson('{"a": [12345678901234567890, -0.30000000000000000001, 7], "b": "12345678901234567890"}'),
    ).toEqual({
      a: ["12345678901234567890", "-0.30000000000000000001", 7],
      b: "12345678901234567890",
    });
  });

  it("invalid JSON remains invalid", () => {
    for (const text of [
      '{"a": 12345678901234567890',
      '"12345678901234567890',
      "12345678901234567890.",
      "01234567890123456789",
    ])
      expect(() => JSON.parse(markInexactNumbers(text))).toThrow(SyntaxError);
  });
});
