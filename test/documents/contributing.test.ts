import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createDatabase, serviceUser } from "../support/database.ts";
import { serve } from "../support/process.ts";
import { secret, serviceToken } from "../support/service.ts";

const text = readFileSync("CONTRIBUTING.md", "utf8");
const example = text.slice(text.indexOf("### The table"));

/** A copy of the project that a test may change. */
function copyOfProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-contributing-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of [
    "src",
    "drizzle",
    "drizzle.config.ts",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "build-common-passwords.ts",
    "bundle.mjs",
  ])
    cpSync(path, join(folder, path), { recursive: true, filter: (source) => !source.endsWith("client/dist") });
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Code blocks of a language: with the file that the line above names, if it names one. */
const blocks = (language: string) =>
  [...example.matchAll(new RegExp(`(?:\`([^\`\n]+)\`:\n\n)?\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))].map(
    ([, file, code = ""]) => ({ file, code }),
  );

it("the example of CONTRIBUTING.md adds a table, its migration and a procedure that answers", async () => {
  const folder = copyOfProject();
  const run = (command: string, args: string[], env: Record<string, string> = {}) =>
    execFileSync(process.execPath, [command, ...args], {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    });
  const write = (file: string, code: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  };

  for (const { file, code } of blocks("ts")) write(file ?? "", code);
  for (const { code } of blocks("diff"))
    execFileSync("git", ["apply", "--unidiff-zero", "-"], {
      cwd: folder,
      input: code,
      stdio: ["pipe", "pipe", "pipe"],
    });
  run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json"]);
  run("bundle.mjs", []);

  const main = join(folder, "dist/bin/aeturnis-data.js");
  run(main, ["migrate", "new", "add_guilds"]);
  for (const { file, code } of blocks("sql")) {
    const up = join(folder, "drizzle/0011_add_guilds.sql");
    if (file === undefined) writeFileSync(up, `${readFileSync(up, "utf8").trimEnd()}\n${code}`);
    else write(file, code);
  }
  run(main, ["migrate", "check"]);
  const database = await createDatabase();
  onTestFinished(database.drop);
  run(main, ["migrate", "up"], { DATABASE_URL: database.directUrl });
  run(main, ["role", "grant", serviceUser()], { DATABASE_URL: database.directUrl });

  const service = await serve({ DATABASE_URL: database.url, JWT_SECRET: secret }, { main });
  const response = await fetch(`${service.url}/guilds.create`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${serviceToken}` },
    body: JSON.stringify({ json: { name: "Wardens" } }),
  });
  expect(await response.json()).toMatchObject({ result: { data: { json: { name: "Wardens" } } } });
  const [recorded] = await database.sql`select action from audit_log where resource_type = 'guilds'`;
  expect(recorded).toEqual({ action: "insert" });
});
