import { expect, it, onTestFinished } from "vitest";
import { createAccessTokens } from "../../src/identity/access-tokens.ts";
import { createDatabase } from "../support/database.ts";
import { command, dataFolder } from "../support/process.ts";
import { account, secret } from "../support/service.ts";

it("token --service prints a token of that back end, and nothing else", async () => {
  const { code, output } = await command(["token", "--service", "game-server"], { JWT_SECRET: secret }).ended;
  expect(code).toBe(0);
  expect(output).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  expect(await createAccessTokens([secret]).verify(output.trim())).toEqual({ kind: "service", name: "game-server" });
});

it("token --lifetime sets the lifetime of the token", async () => {
  const { output } = await command(["token", "--service", "x", "--lifetime", "12h"], { JWT_SECRET: secret }).ended;
  const { iat, exp } = JSON.parse(Buffer.from(output.split(".")[1] ?? "", "base64url").toString());
  expect(exp - iat).toBe(12 * 60 * 60);
});

it.each([
  [["--lifetime", "soon"], "--lifetime"],
  [["--service", "two words"], "--service"],
])("token refuses %j and names the option", async (args, option) => {
  const { code, output } = await command(["token", "--service", "x", ...args], { JWT_SECRET: secret }).ended;
  expect(code).toBe(2);
  expect(output).toContain(option);
  expect(output).not.toMatch(/^ +at /m);
});

it("token --user prints a token of the user with this id, username or email, in any case", async () => {
  const { url, sql, drop } = await createDatabase();
  onTestFinished(drop);
  const { id } = await account(sql, "admin");
  await sql`update users set username = 'Mira', email = 'mira@example.com'`;
  for (const user of [id.toUpperCase(), "MIRA", "Mira@Example.com"]) {
    const { code, output } = await command(["token", "--user", user], { DATABASE_URL: url, JWT_SECRET: secret }).ended;
    const [session] = await sql`select id from user_sessions order by created_at desc limit 1`;
    expect([code, await createAccessTokens([secret]).verify(output.trim())]).toEqual([
      0,
      { kind: "user", id, sessionId: session?.["id"] },
    ]);
    const { iat, exp } = JSON.parse(Buffer.from(output.split(".")[1] ?? "", "base64url").toString());
    expect(exp - iat).toBe(15 * 60);
  }
  expect(await command(["token", "--user", "nobody"], { DATABASE_URL: url, JWT_SECRET: secret }).ended).toMatchObject({
    code: 1,
    output: "There is no such user.\n",
  });
});

it("token --user gives no token beyond the sessions of the user's role", async () => {
  const { url, sql, drop } = await createDatabase();
  onTestFinished(drop);
  for (const [role, longest] of [
    ["admin", 24 * 3_600],
    ["user", 30 * 86_400],
  ] as const) {
    const { username } = await account(sql, role);
    const run = (lifetime: number) =>
      command(["token", "--user", username, "--lifetime", `${lifetime / 60}m`], {
        DATABASE_URL: url,
        JWT_SECRET: secret,
      }).ended;
    expect(await run(longest + 60)).toMatchObject({
      code: 2,
      output: `--lifetime must be at most ${longest}s, the lifetime of this user's sessions (role ${role})\n`,
    });
    expect((await run(longest)).code).toBe(0);
  }
});

it.each([[[]], [["--service", "x", "--user", "y"]]])("token requires exactly one owner: %j", async (args) => {
  expect(await command(["token", ...args], { JWT_SECRET: secret }).ended).toMatchObject({
    code: 2,
    output: "The owner of the token is required: either --service or --user\n",
  });
});

it("token names the setting that is not valid, and does not print its value", async () => {
  const { code, output } = await command(["token", "--service", "x"], { JWT_SECRET: "short", DATA_DIR: dataFolder() })
    .ended;
  expect(code).toBe(1);
  expect(output).toContain("JWT_SECRET must be at least 32 characters");
  expect(output).not.toContain("short\n");
});
