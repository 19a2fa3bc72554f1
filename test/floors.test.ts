import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

/** From the bottom up; the floors of one line know nothing of each other. `biome.json` holds the rule. */
const house = [
  ["schema"],
  ["database"],
  ["migrations", "repositories"],
  ["identity", "transfer"],
  ["routers"],
  ["server"],
  ["cli"],
];
const floors = [...house.flat(), "client"];

const level = (floor: string) => house.findIndex((line) => line.includes(floor));

/** Whether the first floor may import from the second. */
function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  if (from === "client") return to === "routers";
  return to !== "client" && level(from) > level(to);
}

it("every folder of src is a floor of the house", () => {
  const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual([...floors].sort());
});

it("the linter refuses every import that points upwards, and no other", () => {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-floors-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync("biome.json", join(folder, "biome.json"));
  for (const from of floors) {
    mkdirSync(join(folder, "src", from, "deeper"), { recursive: true });
    for (const to of floors.filter((floor) => floor !== from)) {
      writeFileSync(join(folder, "src", from, `${to}.ts`), `export * from "../${to}/x.ts";\n`);
      writeFileSync(join(folder, "src", from, "deeper", `${to}.ts`), `export type * from "../../${to}/x.ts";\n`);
    }
  }

  const report = JSON.parse(lint(folder));
  const refused = new Set<string>(
    report.diagnostics
      .filter(({ category }: { category: string }) => category === "lint/style/noRestrictedImports")
      .map(({ location }: { location: { path: string } }) => location.path),
  );
  for (const from of floors) {
    for (const to of floors.filter((floor) => floor !== from)) {
      for (const file of [`src/${from}/${to}.ts`, `src/${from}/deeper/${to}.ts`]) {
        expect(refused.has(file), `${file} refused`).toBe(!allowed(from, to));
      }
    }
  }
});

function lint(folder: string): string {
  const biome = join(import.meta.dirname, "../node_modules/.bin/biome");
  const args = [
    "lint",
    "--vcs-enabled=false",
    "--only=style/noRestrictedImports",
    "--reporter=json",
    "--max-diagnostics=none",
    "src",
  ];
  try {
    return execFileSync(biome, args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
