import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sqlstate } from "../../src/database/sqlstate.ts";

it("no file of src but src/database/sqlstate.ts writes an SQLSTATE as a literal", () => {
  const literal = new RegExp(`["'\`](?:${Object.values(sqlstate).join("|")})["'\`]`, "g");
  const found = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== "database/sqlstate.ts")
    .flatMap((file) =>
      [...readFileSync(join("src", file), "utf8").matchAll(literal)].map(([code]) => `${file}: ${code}`),
    );
  expect(found).toEqual([]);
});
