import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

// The sources, the library and the program in this package lie at different depths.
const found = findPackage(import.meta.dirname);

/** The folder of this package. */
export const packageFolder = found.folder;

/** The version of this package. */
export const version = found.version;

/** Finds the folder of this package above `folder`. @throws {Error} if another program contains a bundle of the package */
function findPackage(folder: string): { folder: string; version: string } {
  const file = join(folder, "package.json");
  const { name, version } = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  if (name === "aeturnis-data") return { folder, version };
  const parent = dirname(folder);
  if (parent !== folder) return findPackage(parent);
  throw new Error(
    "The folder of aeturnis-data was not found: do not bundle the package, which reads its migrations from there.",
  );
}
