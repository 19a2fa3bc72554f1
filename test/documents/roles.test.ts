import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { grantStatements } from "../../src/privileges/statements.ts";

it("docs/operations.md has the statements of `role grant`", () => {
  const [, block] = /## Roles[\s\S]*?```sql\n([\s\S]*?)```/.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
  expect(block?.trim()).toBe(grantStatements("<role>").join("\n"));
});
