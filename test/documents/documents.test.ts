import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { configVariables } from "../../src/config/environment.ts";
import { authenticationEvents, loggingOf } from "../../src/identity/authentication-events.ts";

const documents = [
  "README.md",
  "API.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "TROUBLESHOOTING.md",
  "src/client/README.md",
  ...readdirSync("docs").map((name) => join("docs", name)),
];

const read = (file: string) => readFileSync(file, "utf8");

it.each(documents)("every relative link of %s leads to a file, and its anchor to a heading", (file) => {
  const missing = [...read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].flatMap(
    ([, path = "", anchor]) => {
      const target = path === "" ? file : join(dirname(file), path);
      if (!existsSync(target)) return [target];
      return anchor === undefined || anchorsOf(read(target)).includes(anchor) ? [] : [`${target}#${anchor}`];
    },
  );
  expect(missing).toEqual([]);
});

/** GitHub's anchors: lower case, without punctuation, blanks as hyphens. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

it.each(documents)("every path of the source that %s names exists", (file) => {
  const paths = [...read(file).matchAll(/`((?:src|test|docs|examples|patches|bench|drizzle)\/[\w./-]*)`/g)]
    .map(([, path = ""]) => path)
    // Files of examples, which a reader creates.
    .filter((path) => !/drizzle\/0005|guilds/.test(path));
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

it("README.md has at most 120 lines", () => {
  expect(read("README.md").split("\n").length - 1).toBeLessThanOrEqual(120);
});

it("every setting that a document names is read by the service", () => {
  const settings =
    /\b(?:DATABASE|DATA|IDLE|NODE|JWT|LOG|SCAN|SLOW|STATEMENT|LOCK|REQUEST|ARGON2|PASSWORD|BREACHED|UV|SHUTDOWN|TRUSTED|CORS)_[A-Z_]+\b/g;
  const named = documents.flatMap(
    (file) =>
      read(file)
        .replace(/TEST_\w+/g, "")
        .match(settings) ?? [],
  );
  expect([...new Set(named)].filter((name) => !(configVariables as readonly string[]).includes(name))).toEqual([]);
});

it("docs/operations.md lists every event of authentication, with the level of its line", () => {
  const rows = [...read("docs/operations.md").matchAll(/^\| `([a-z_]+)` \| (?:(info|warn)\b[^|]*)?\s*\|/gm)];
  expect(rows.map(([, event, level]) => [event, level])).toEqual(
    authenticationEvents.map((event) => [event, loggingOf(event)?.level]),
  );
});
