import { expect, it } from "vitest";
import { createTokens } from "../../src/identity/tokens.ts";
import { command, dataFolder } from "../support/process.ts";

const secret = "a secret for the tests, and for nothing else at all";

it("prints a token that is good for a back end, and nothing else", async () => {
  const { code, output } = await command(["token", "--service", "game-server"], { JWT_SECRET: secret }).ended;
  expect(code).toBe(0);
  expect(output).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  expect(await createTokens(secret).verify(output.trim())).toEqual({ kind: "service", name: "game-server" });
});

it("lives as long as asked", async () => {
  const { output } = await command(["token", "--service", "x", "--lifetime", "12h"], { JWT_SECRET: secret }).ended;
  const { iat, exp } = JSON.parse(Buffer.from(output.split(".")[1] ?? "", "base64url").toString());
  expect(exp - iat).toBe(12 * 60 * 60);
});

it.each([
  [["--lifetime", "soon"], "--lifetime"],
  [["--service", "two words"], "--service"],
])("refuses %j, naming the option", async (args, option) => {
  const { code, output } = await command(["token", "--service", "x", ...args], { JWT_SECRET: secret }).ended;
  expect(code).toBe(2);
  expect(output).toContain(option);
  expect(output).not.toMatch(/^ +at /m);
});

it("says by name what is wrong with the configuration", async () => {
  const { code, output } = await command(["token", "--service", "x"], { JWT_SECRET: "short", DATA_DIR: dataFolder() })
    .ended;
  expect(code).toBe(1);
  expect(output).toContain("JWT_SECRET must be at least 32 characters");
  expect(output).not.toContain("short\n");
});
