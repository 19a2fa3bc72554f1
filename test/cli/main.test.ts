import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const main = join(import.meta.dirname, "../../dist/cli/main.js");

/** Packages that a module imports statically, itself or through files that it imports statically. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export) [^;"=]*?"([^"]+)";/gm)) {
    if (!specifier.startsWith(".")) packages.add(specifier);
    else for (const name of packagesOf(resolve(file, "..", specifier), seen)) packages.add(name);
  }
  return packages;
}

it("the command line loads commander before it knows the command, and no other package", () => {
  const packages = [...packagesOf(main)].filter((name) => !isBuiltin(name));
  expect(packages).toEqual(["commander"]);
});
