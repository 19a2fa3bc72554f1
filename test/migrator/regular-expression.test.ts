import { expect, it } from "vitest";
import { generateLikeMatch, readHints } from "../../src/migrator/fixtures/constraint-hints.ts";
import { createRandom } from "../../src/migrator/fixtures/random.ts";
import { generateMatch } from "../../src/migrator/fixtures/regular-expression.ts";

it.each([
  "^[$][a-z0-9-]+[$]",
  "^[A-Z]{3}$",
  "^\\+[1-9]\\d{1,14}$",
  "^#[0-9a-f]{6}$",
  "^[a-z0-9]+(-[a-z0-9]+)*$",
  "^(GET|POST|PUT)$",
  "^[^@\\s]+@[^@\\s]+\\.[^@\\s]{2,}$",
  "^[\\w.-]+$",
  "^(?:a|b)?c{2,3}.*z$",
  "^\\d{4}-\\d{2}$",
  "^[]a-]{4}$",
])("the regular expression generator generates texts that match %s", (pattern) => {
  const random = createRandom(1);
  const texts = Array.from({ length: 100 }, () => generateMatch(pattern, random));
  // JavaScript requires an escape for "]" at the start of a bracket expression.
  const regular = new RegExp(pattern.replace("[]", "[\\]"));
  for (const text of texts) expect(text).toMatch(regular);
  expect(new Set(texts).size).toBeGreaterThan(2);
});

it.each(["(?=a)b", "(a)\\1", "[a", "(a", "a)"])(
  "the regular expression generator returns undefined for the unsupported pattern %s",
  (pattern) => {
    expect(generateMatch(pattern, createRandom(1))).toBeUndefined();
  },
);

it("the regular expression generator generates texts that match a LIKE pattern", () => {
  const random = createRandom(1);
  for (let n = 0; n < 50; n++) expect(generateLikeMatch("https://%_\\%", random)).toMatch(/^https:\/\/.*a%$/);
});

it("the fixture generator reads the literals of definitions in the form of pg_get_constraintdef", () => {
  expect(
    readHints([
      "CHECK (((status)::text = ANY ((ARRAY['it''s'::character varying, 'b'::character varying])::text[])))",
      "CHECK ((n >= '-5'::integer) AND (n < 10.5) AND (col2 <> 7))",
      "CHECK ((labels <@ '{red,\"light blue\"}'::text[]))",
    ]),
  ).toEqual({
    strings: ["it's", "b", "-5", "red", "light blue", '{red,"light blue"}'],
    numbers: [-5, 10.5, 7],
  });
});
