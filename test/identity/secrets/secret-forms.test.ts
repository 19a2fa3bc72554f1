import { expect, it } from "vitest";
import { codeForms, formsOf, reveals } from "./secret-forms.ts";

const code = "314159";
const base64 = (text: string) => Buffer.from(text).toString("base64url");

it.each([
  ["itself", code],
  ["in two groups", "314 159"],
  ["in Base64", base64(code)],
  ["in hexadecimal", Buffer.from(code).toString("hex")],
  ["as bytes", Buffer.from(code).join()],
])("a code %s is found alone, in JSON and in a sentence", (_, form) => {
  for (const text of [form, JSON.stringify({ code: form }), `the code (${form}) is wrong`, `code=${form}&device=1`])
    expect(reveals(text, codeForms(code))).toBe(true);
});

it.each(["1314159", "3141592", "0.314159", "a314159"])("%s is another number than the code", (number) => {
  expect(reveals(number, codeForms(code))).toBe(false);
});

it("the digits of the times in a token are no code", () => {
  const token = base64('{"iss":"aeturnis-data","iat":1795754906,"exp":1795841306}');
  const codes = Array.from({ length: 5 }, (_, n) => "1795754906".slice(n, n + 6));
  expect(codes.filter((digits) => token.includes(base64(digits)))).not.toEqual([]);
  expect(codes.filter((digits) => reveals(token, codeForms(digits)))).toEqual([]);
});

it("a longer secret is found in Base64, wherever it begins in the encoded text", () => {
  const secret = "a secret of some length";
  for (const before of ["", "a", "ab", "abc"])
    expect(reveals(base64(`${before}${secret}, and more`), formsOf(secret))).toBe(true);
});
