import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const text = readFileSync("docs/standards.md", "utf8");

/** A row of a table of requirements. */
interface Row {
  readonly number: string;
  readonly status: string;
  readonly reason: string;
}

const rows: Row[] = text.split("\n").flatMap((line) => {
  const [, number = "", ...cells] = line.split(/ ?\| ?/);
  const [reason = "", status = ""] = cells.slice(0, -1).reverse();
  return /^\d/.test(number) ? [{ number, status, reason }] : [];
});

/** The sections of OWASP ASVS 5.0.0, V6, V7 and V9, with the number of their requirements. */
const asvsSections = {
  ...{ "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4 },
  ...{ "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2 },
  ...{ "9.1": 3, "9.2": 4 },
};

it("docs/standards.md has each requirement of ASVS once, in order", () => {
  const expected = Object.entries(asvsSections).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
  );
  expect(rows.map(({ number }) => number).filter((number) => !number.includes("-"))).toEqual(expected);
});

it("docs/standards.md numbers the requirements of each section of NIST SP 800-63B from 1 without a hole", () => {
  const numbers = rows.map(({ number }) => number).filter((number) => number.includes("-"));
  const counts = new Map<string, number>();
  const expected = numbers.map((number) => {
    const [section = ""] = number.split("-");
    const count = (counts.get(section) ?? 0) + 1;
    counts.set(section, count);
    return `${section}-${count}`;
  });
  expect(numbers).toEqual(expected);
  expect([...counts.keys()]).toEqual(expect.arrayContaining(["2.1.3", "2.2.3", "3.1.1.2", "3.1.2.2", "3.2.2", "5.2"]));
});

it("each row of docs/standards.md has a status that the document explains", () => {
  const [introduction = ""] = text.split("\n## ");
  const explained = [...introduction.matchAll(/^\| ([a-z ]+) \| /gm)].map(([, status]) => status);
  expect(rows.filter(({ status }) => !explained.includes(status))).toEqual([]);
});

it("each kept requirement of docs/standards.md names a place, and each gap what closes it", () => {
  const place = /`(?:src|test|drizzle)\/|\]\(/;
  const incomplete = rows.filter(
    ({ status, reason }) =>
      (status === "kept" && !place.test(reason)) || (status === "gap") !== reason.includes("Closed by: "),
  );
  expect(incomplete).toEqual([]);
});

it("each test that docs/standards.md names is in the named file", () => {
  const named = [...text.matchAll(/`(test\/[\w./-]+)`:((?:,? "[^"]+")+)/g)].flatMap(([, file = "", titles = ""]) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ file, title }) => !existsSync(file) || !titlesOf(file).includes(title))).toEqual([]);
});

/** The titles of a file's tests: the first text after `it`, or after the parameters of `it.each`. */
function titlesOf(file: string): string[] {
  const literals = readFileSync(file, "utf8").matchAll(/(?:\bit|\))\(\s*"((?:[^"\\]|\\.)*)",\s*(?:async )?(?:\(|$)/gm);
  return [...literals].map(([, title = ""]) => title);
}
