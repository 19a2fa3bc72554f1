import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { biomeOverrides } from "./floors.ts";

// `npm run floors`: writes the rules of floors.ts into biome.json.

interface Override {
  readonly linter?: { readonly rules?: { readonly style?: { readonly noRestrictedImports?: unknown } } };
}

const config = JSON.parse(readFileSync("biome.json", "utf8"));
const others = config.overrides.filter(
  ({ linter }: Override) => linter?.rules?.style?.noRestrictedImports === undefined,
);
config.overrides = [...others, ...biomeOverrides()];
writeFileSync("biome.json", JSON.stringify(config));
execFileSync("node_modules/.bin/biome", ["format", "--write", "biome.json"], { stdio: "inherit" });
