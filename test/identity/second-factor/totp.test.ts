import { generateSync } from "otplib";
import { describe, expect, it } from "vitest";
import {
  createTotpSecret,
  matchingStep,
  otpauthUri,
  totpSecretText,
} from "../../../src/identity/second-factor/totp.ts";

/** The secret of RFC 6238, appendix B. */
const secret = new TextEncoder().encode("12345678901234567890");
const codeOf = (step: number) => generateSync({ secret, epoch: step * 30 });
const at = (step: number) => ({ now: step * 30_000 + 12_345 });

describe("a one-time code", () => {
  it.each([
    [59, "94287082"],
    [1111111109, "07081804"],
    [1111111111, "14050471"],
    [1234567890, "89005924"],
    [2000000000, "69279037"],
    [20000000000, "65353130"],
  ])("the code of RFC 6238, appendix B, at %d s is accepted", (seconds, code) => {
    expect(matchingStep(secret, code.slice(2), { now: seconds * 1000 })).toBe(Math.floor(seconds / 30));
  });

  it("the codes of the previous, the present and the next step are accepted, and no others", () => {
    const accepted = [-3, -2, -1, 0, 1, 2, 3].filter(
      (offset) => matchingStep(secret, codeOf(50_000_000 + offset), at(50_000_000)) === 50_000_000 + offset,
    );
    expect(accepted).toEqual([-1, 0, 1]);
  });

  it("a code of the last step taken, or of an earlier one, is refused", () => {
    const codes = [49_999_999, 50_000_000, 50_000_001].map(codeOf);
    const steps = (after: number) => codes.map((code) => matchingStep(secret, code, { ...at(50_000_000), after }));
    expect(steps(49_999_999)).toEqual([undefined, 50_000_000, 50_000_001]);
    expect(steps(50_000_000)).toEqual([undefined, undefined, 50_000_001]);
    expect(steps(50_000_001)).toEqual([undefined, undefined, undefined]);
    // The clock of another server was ahead.
    expect(steps(50_000_999)).toEqual([undefined, undefined, undefined]);
  });

  it("white space in a code is ignored, and any other form is refused", () => {
    const code = codeOf(7);
    expect(matchingStep(secret, ` ${code.slice(0, 3)}\u00a0${code.slice(3)} `, at(7))).toBe(7);
    for (const form of [
      "",
      code.slice(1),
      `${code}0`,
      `${code.slice(0, 3)}-${code.slice(3)}`,
      "abcdef",
      "１２３４５６",
    ]) {
      expect(matchingStep(secret, form, at(7)), form).toBeUndefined();
    }
  });

  it("the code of another secret is refused", () => {
    const code = generateSync({ secret: createTotpSecret(), epoch: 210 });
    expect(code === codeOf(7) || matchingStep(secret, code, at(7))).not.toBe(7);
  });
});

describe("a secret of one-time codes", () => {
  it("a secret has 160 bits, and no two are equal", () => {
    const secrets = Array.from({ length: 100 }, createTotpSecret);
    expect(new Set(secrets.map(({ length }) => length))).toEqual(new Set([20]));
    expect(new Set(secrets.map(totpSecretText)).size).toBe(100);
  });

  it("the URI of a secret names issuer and account, and has the secret in base32 without padding", () => {
    const uri = otpauthUri({ secret, account: "Mira of Ære", issuer: "Aeturnis Online" });
    expect(uri).toBe(
      "otpauth://totp/Aeturnis%20Online:Mira%20of%20%C3%86re?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Aeturnis%20Online",
    );
  });
});
