import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const main = join(import.meta.dirname, "../../dist/bin/aeturnis-data.js");

/** The files of the program that a file loads statically, itself included. */
function modulesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [
    file,
    ...importsOf(file)
      .filter(isFile)
      .flatMap((path) => modulesOf(resolve(file, "..", path), seen)),
  ];
}

/** The packages that a file imports statically or contains. Its source map names the bundled modules. */
function packagesIn(file: string): string[] {
  const map = existsSync(`${file}.map`) ? JSON.parse(readFileSync(`${file}.map`, "utf8")) : { sources: [] };
  const bundled = (map.sources as string[]).map((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]);
  const imported = importsOf(file).filter((name) => !isFile(name) && !isBuiltin(name));
  return [...imported, ...bundled.filter((name) => name !== undefined)];
}

const importsOf = (file: string) =>
  [...readFileSync(file, "utf8").matchAll(/^(?:import|export) [^;"=]*?"([^"]+)";/gm)].map(([, name = ""]) => name);

const isFile = (name: string) => name.startsWith(".");

it("the command line loads commander before it knows the command, and no other package", () => {
  const packages = new Set(modulesOf(main).flatMap(packagesIn));
  expect([...packages]).toEqual(["commander"]);
});
