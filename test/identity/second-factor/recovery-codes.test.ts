import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecoveryCodes, hashRecoveryCode } from "../../../src/identity/second-factor/recovery-codes.ts";

describe("recovery codes", () => {
  it("an account gets ten different codes of six groups of four, none of which has I, L, O or U", () => {
    const { codes, hashes } = createRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}$/);
    expect(hashes).toEqual(codes.map(hashRecoveryCode));
  });

  it("codes use every symbol of the alphabet, so that each has 5 bits", () => {
    const symbols = Array.from({ length: 20 }, createRecoveryCodes).flatMap(({ codes }) => codes.join("").split(""));
    expect(new Set(symbols).size).toBe(33);
  });

  it("the hash of a code is its SHA-256 in hex", () => {
    const code = "0123-4567-89AB-CDEF-GHJK-MNPQ";
    expect(hashRecoveryCode(code)).toBe(createHash("sha256").update(code.replaceAll("-", "")).digest("hex"));
  });

  it("a code is recognized in any case, with any hyphens and spaces, and with look-alikes", () => {
    const typed = (symbol: string) =>
      fc.constantFrom(
        symbol,
        symbol.toLowerCase(),
        ...({ "0": ["O", "o"], "1": ["I", "l"], "-": [" ", "–", ""] }[symbol] ?? []),
      );
    const [code = "", hash] = [createRecoveryCodes().codes[0]?.replace(/^../, "01"), undefined];
    const expected = hash ?? hashRecoveryCode(code);
    fc.assert(
      fc.property(fc.tuple(...code.split("").map(typed)), (symbols) => {
        expect(hashRecoveryCode(symbols.join(""))).toBe(expected);
      }),
    );
  });

  it("a text that is no code has no hash", () => {
    const code = "0123-4567-89AB-CDEF-GHJK-MNPQ";
    for (const text of ["", code.slice(1), `${code}0`, code.replace("A", "U"), code.replace("A", "Ä"), "123456"]) {
      expect(hashRecoveryCode(text), text).toBeUndefined();
    }
  });
});
