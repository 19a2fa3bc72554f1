import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { biomeOverrides, mayImport, parts } from "./floors.ts";

it("every folder of src is a part, and each that another may import has an index.ts", () => {
  const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual([...parts].sort());
  const imported = parts.filter((to) => parts.some((from) => from !== to && mayImport(from, to)));
  for (const part of imported) expect(readdirSync(join("src", part))).toContain("index.ts");
});

it("biome.json holds the rules that `npm run floors` writes", () => {
  const { overrides } = JSON.parse(readFileSync("biome.json", "utf8"));
  expect(overrides).toEqual(expect.arrayContaining(biomeOverrides()));
});

it("the linter accepts an import of the door of a lower part, and no other import of another part", () => {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-floors-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync("biome.json", join(folder, "biome.json"));
  const accepted = new Map<string, boolean>();
  const write = (file: string, imported: string, isAccepted: boolean) => {
    writeFileSync(join(folder, file), `export * from "${imported}";\n`);
    accepted.set(file, isAccepted);
  };
  for (const from of parts) {
    mkdirSync(join(folder, "src", from, "deeper"), { recursive: true });
    for (const to of parts.filter((part) => part !== from)) {
      write(`src/${from}/door-of-${to}.ts`, `../${to}/index.ts`, mayImport(from, to));
      write(`src/${from}/deeper/door-of-${to}.ts`, `../../${to}/index.ts`, mayImport(from, to));
      write(`src/${from}/file-of-${to}.ts`, `../${to}/file.ts`, false);
      write(`src/${from}/deeper/file-of-${to}.ts`, `../../${to}/deeper/file.ts`, false);
    }
    write(`src/door-of-${from}.ts`, `./${from}/index.ts`, false);
    write(`src/${from}/ground.ts`, "../errors.ts", true);
    write(`src/${from}/own.ts`, "./deeper/file.ts", true);
  }

  const refused = refusedImports(folder);
  const wrong = [...accepted].filter(([file, isAccepted]) => refused.has(file) === isAccepted);
  expect(wrong).toEqual([]);
});

function refusedImports(folder: string): ReadonlySet<string> {
  const { diagnostics } = JSON.parse(lint(folder)) as {
    diagnostics: { category: string; location: { path: string } }[];
  };
  return new Set(
    diagnostics
      .filter(({ category }) => category === "lint/style/noRestrictedImports")
      .map(({ location }) => location.path),
  );
}

function lint(folder: string): string {
  const args = [
    "lint",
    "--vcs-enabled=false",
    "--only=style/noRestrictedImports",
    "--reporter=json",
    "--max-diagnostics=none",
    "src",
  ];
  try {
    return execFileSync(join(process.cwd(), "node_modules/.bin/biome"), args, {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
