import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Exported names that are declared in several files because they are the same concept in each. */
const sameConcept: ReadonlySet<string> = new Set([]);

/** Declarations and exported lists of one file; a re-export from another file declares nothing. */
function exportedNames(text: string): string[] {
  const declared = text.matchAll(
    /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm,
  );
  const patterns = text.matchAll(/^export const [[{]([^\]}]*)[\]}] =/gm);
  const lists = text.matchAll(/^export (?:type )?\{([^}]*)\};/gm);
  const names = [...patterns, ...lists].flatMap(([, list = ""]) =>
    list.split(",").flatMap(
      (name) =>
        name
          .trim()
          .split(/\s*:\s*|\s+as\s+/)
          .at(-1) ?? [],
    ),
  );
  return [...[...declared].map(([, name = ""]) => name), ...names].filter((name) => name !== "");
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("/dist/"))
    .map((file) => join(folder, file));
}

it("no name is exported by two files of src", () => {
  const files = new Map<string, string[]>();
  for (const file of sourceFiles("src"))
    for (const name of new Set(exportedNames(readFileSync(file, "utf8"))))
      files.set(name, [...(files.get(name) ?? []), file]);
  const twice = [...files].filter(([name, where]) => where.length > 1 && !sameConcept.has(name));
  expect(Object.fromEntries(twice)).toEqual({});
});

it("exportedNames finds the names of each form of export", () => {
  const text = [
    "export async function load() {}",
    "export const { version } = JSON.parse(text);",
    "const a = 1;",
    "export { a, type B, c as d };",
    'export { other } from "./other.ts";',
    "export interface Shape {}",
  ].join("\n");
  expect(exportedNames(text).map((name) => name.replace("type ", ""))).toEqual([
    "load",
    "Shape",
    "version",
    "a",
    "B",
    "d",
  ]);
});
