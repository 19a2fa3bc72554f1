import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { procedures } from "../../src/routers/procedures.ts";

const sourceFiles = ["src", "test", "examples"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !/(^|\/)(dist|node_modules)\//.test(file))
    .map((file) => join(folder, file))
    // The patterns below match themselves.
    .filter((file) => file !== "test/routers/procedures.test.ts"),
);

it("only src/routers/procedures.ts reads tRPC's private _def and _config", () => {
  const readers = sourceFiles.filter((file) => /\._def\b|[\s{,]_(def|config)\s*[:}]/.test(readFileSync(file, "utf8")));
  expect(readers).toEqual(["src/routers/procedures.ts"]);
});

it("the list of procedures has every procedure with its type", () => {
  expect(procedures.get("users.byId")?.type).toBe("query");
  expect(procedures.get("users.create")?.type).toBe("mutation");
});
