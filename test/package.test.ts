import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

it("the service can be embedded, and its tables imported, by the names that package.json exports", () => {
  const script = `
    import { createService, loadConfig } from "aeturnis-data";
    import { users } from "aeturnis-data/schema";
    console.log(typeof createService, loadConfig({}).http.port, users.passwordHash.name);`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  expect(output.trim()).toBe("function 3000 password_hash");
});
