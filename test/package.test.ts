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

it("the package contains the list of common passwords", () => {
  const args = ["pack", "--dry-run", "--ignore-scripts", "--json"];
  const [{ files }] = JSON.parse(execFileSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  expect(files).toContainEqual(
    expect.objectContaining({ path: "dist/common-passwords.bin", size: expect.closeTo(2.37e6, -5) }),
  );
});
