import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../../src/errors.ts";
import { openCommonPasswords } from "../../../src/identity/password/common-passwords.ts";
import { createPasswordRules } from "../../../src/identity/password/password-rules.ts";
import { repeatedUnit } from "../../../src/identity/password/repetition.ts";

const common = await openCommonPasswords();
const breached = async (password: string) => password === "a breached password of another game";
const rules = createPasswordRules({ minLength: 15, common, breached });
const laxRules = createPasswordRules({ minLength: 8, common, breached: undefined });
const context = { email: "mira.vale+game@example.com", username: "Mira_99" };

describe("the length of a password", () => {
  it.each([
    ["14 letters", "fourteen lette", /^must have at least 15 characters/],
    ["14 emoji of two UTF-16 units", "🜂🜃🜄🜅🜆🜇🜈🜉🜊🜋🜌🜍🜎🜏", /at least 15/],
    ["15 code points that are 14 in NFC", "fourteen lettéres".normalize("NFD").slice(0, 15), /at least 15/],
    ["257 characters", `${"correct horse ".repeat(18)}batte`, /at most 256/],
    ["a megabyte", "x".repeat(1_000_000), /at most 256/],
  ])("a password of %s is refused", async (_, password, message) => {
    expect(await rules.faultOf(password, context)).toMatch(message);
  });

  it.each([
    ["15 letters", "fifteen letters"],
    ["15 emoji", "🜂🜃🜄🜅🜆🜇🜈🜉🜊🜋🜌🜍🜎🜏🜐"],
    ["256 code points, decomposed", `${"correct horse battery staple é ".repeat(8)}12345678`.normalize("NFD")],
    ["spaces and signs of every script", "  Ω≈ç√∫˜µ  пароль 密碼 "],
  ])("a password of %s is accepted", async (_, password) => {
    expect(await rules.faultOf(password, context)).toBeUndefined();
  });

  it("a lower minimum length accepts shorter passwords, down to 8 characters", async () => {
    expect(await laxRules.faultOf("tk4%vQ9z", context)).toBeUndefined();
    expect(await laxRules.faultOf("tk4%vQ9", context)).toMatch(/at least 8/);
  });
});

describe("words of the context", () => {
  it.each([
    "mira.vale+game@example.com",
    "MIRA.VALE+GAME@EXAMPLE.COM",
    "mira1234567890!!!",
    "!!!mira!!!mira!!!",
    "miramiramiramira",
    "mira mira mira mi",
    "mira99mira99mira99",
    "MIRA_99_MIRA_99_MIRA",
    "mira.vale.mira.vale",
    "2024-miravale-2024",
    "!!!aeturnis!!!!",
    "Aeturnis Online",
    "aeturnisonline2024",
    "aeturnis aeturnis",
  ])("%s is refused for mira_99 as a word of the context", async (password) => {
    expect(await rules.faultOf(password, context)).toMatch(
      /must not be the email, the username or the name of the game/,
    );
  });

  it.each([
    "mira likes aeturnis",
    "admiral of the sea",
    "miramiramiramirax",
    "my aeturnis passphrase",
    "mirage in the desert",
  ])("%s is accepted, because the whole password is compared", async (password) => {
    expect(await rules.faultOf(password, context)).toBeUndefined();
  });

  it("a username without letters is compared by its digits, and one of two letters is not found in digits", async () => {
    expect(await rules.faultOf("20240607!!!!!!!", { username: "2024-0607" })).toMatch(/the username/);
    expect(await rules.faultOf("ab 47110815 9362 58", { username: "ab_1" })).toBeUndefined();
  });
});

describe("common, breached and repeated passwords", () => {
  it.each([
    "passwordpassword",
    "12345678901234567",
    "QWERTYUIOPqwertyuiop",
    "password123password123",
    "1234567890123456789012345",
  ])("%s is refused as a common password", async (password) => {
    expect(await rules.faultOf(password, context)).toMatch(/is one of the most common passwords/);
  });

  it.each(["aaaaaaaaaaaaaaa", "abcabcabcabcabc", "AbcaBcabCabcabca", "xy7!xy7!xy7!xy7!", "🜂🜃🜂🜃🜂🜃🜂🜃🜂🜃🜂🜃🜂🜃🜂"])(
    "%s is refused as a repetition",
    async (password) => {
      expect(await rules.faultOf(password, context)).toMatch(/must not repeat a text of less than 8 characters/);
    },
  );

  it("a password that contains a common password and other words is accepted", async () => {
    expect(await rules.faultOf("password of the moon", context)).toBeUndefined();
    expect(await laxRules.faultOf("kq7xvbtk", context)).toBeUndefined();
  });

  it("a breached password is refused", async () => {
    expect(await rules.faultOf("a breached password of another game", context)).toMatch(/known from a breach/);
  });

  it("the error of a refused password names its field and what makes a good password, and not the password", async () => {
    const check = rules.check("passwordpassword", { context, field: "newPassword" });
    await expect(check).rejects.toThrow(InvalidInputError);
    await expect(check).rejects.toMatchObject({
      field: "newPassword",
      message:
        "newPassword: is one of the most common passwords. Several words that do not belong together make a good password.",
    });
    await expect(rules.check("fifteen letters", { context, field: "newPassword" })).resolves.toBeUndefined();
  });

  it("the repeated unit is the shortest text whose repetition is the password", () => {
    const texts = fc.string({ minLength: 1, maxLength: 24, unit: fc.constantFrom("a", "b", "🜂") });
    fc.assert(
      fc.property(texts, (text) => {
        const points = [...text];
        const gives = (length: number) => points.every((point, index) => point === points[index % length]);
        const shortest = points.findIndex((_, index) => gives(index + 1)) + 1;
        return repeatedUnit(text) === points.slice(0, shortest).join("");
      }),
    );
  });
});
