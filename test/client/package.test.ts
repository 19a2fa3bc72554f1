import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { serviceForTest, serviceToken } from "../support/service.ts";

const root = join(import.meta.dirname, "../..");
let frontend: string;

/** A frontend's project outside: the packed client is installed in it, and nothing of the server is near. */
beforeAll(() => {
  frontend = mkdtempSync(join(tmpdir(), "aeturnis-frontend-"));
  const packed = execFileSync(
    "npm",
    ["pack", "./src/client", "--pack-destination", frontend, "--json", "--loglevel=error"],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf("[")));
  // Its two dependencies from here: the test needs no network, and neither has dependencies of its own.
  const fromHere = Object.fromEntries(
    ["@trpc/client", "@trpc/server"].map((name) => [name, `file:${join(root, "node_modules", name)}`]),
  );
  const manifest = {
    type: "module",
    private: true,
    dependencies: { ...fromHere, "aeturnis-data-client": `file:${filename}` },
  };
  writeFileSync(join(frontend, "package.json"), JSON.stringify(manifest));
  execFileSync("npm", ["install", "--offline", "--install-links", "--legacy-peer-deps", "--loglevel=error"], {
    cwd: frontend,
  });
  const compilerOptions = {
    strict: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    module: "esnext",
    moduleResolution: "bundler",
    types: [],
  };
  writeFileSync(join(frontend, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
}, 120_000);

afterAll(() => rmSync(frontend, { recursive: true, force: true }));

/** What the compiler says of a frontend's file. */
function compile(source: string): string {
  writeFileSync(join(frontend, "main.ts"), source);
  try {
    return execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", frontend], { encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const preamble = `
  import { type Client, createClient, type Inputs, type Outputs } from "aeturnis-data-client";
  const client: Client = createClient({ url: "http://127.0.0.1:3000/trpc", token: async () => "token" });
`;

describe("the packed client", () => {
  it("brings nothing of the server along", () => {
    const installed = readdirSync(join(frontend, "node_modules")).filter((name) => !name.startsWith("."));
    expect(installed.sort()).toEqual(["@trpc", "aeturnis-data-client"]);
    const { dependencies } = JSON.parse(readFileSync(join(root, "src/client/package.json"), "utf8"));
    expect(Object.keys(dependencies).sort()).toEqual(["@trpc/client", "@trpc/server"]);
  });

  it("has the version of the service", () => {
    const version = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8")).version;
    expect(version("src/client/package.json")).toBe(version("package.json"));
  });

  it("compiles in a strict frontend, every input and output typed", () => {
    const problems = compile(`${preamble}
      const input: Inputs["users"]["create"] = { email: "a@example.com", username: "abc", passwordHash: "$x$y" };
      const user: Outputs["users"]["byId"] = await client.users.create.mutate(input);
      const year: number = user.createdAt.getFullYear();
      const lastLogin: Date | null = user.lastLogin;
      const status: "active" | "suspended" | "banned" = user.status;
      const page = await client.users.list.query({
        where: {
          status: { in: ["banned", "suspended"] },
          createdAt: { gte: new Date(0), lt: new Date() },
          or: [{ username: { like: "mir*" } }, { lastLogin: null }, { emailVerified: true }],
          not: { metadata: { contains: { guild: { id: 7 } } } },
        },
        sort: [{ field: "lastLogin", direction: "desc", nulls: "first" }, { field: "username" }],
        limit: 10,
        total: "estimated",
      });
      await client.users.list.query();
      const next: string | null = page.nextCursor;
      const total: number | null = page.total;
      const role: "user" | "moderator" | "admin" | undefined = page.items[0]?.role;
      const { refused } = await client.users.createMany.mutate({ rows: [input], atomic: false });
      const reason: { index: number; field: string | null } | undefined = refused[0];
      const entries = (await client.audit.list.query({ where: { actor: "service:x", action: "update" } })).items;
      const changes: Record<string, unknown> | null | undefined = entries[0]?.changes;
      const session = await client.sessions.check.query({ userId: user.id, sessionId: user.id });
      const owner: string | undefined = session?.username;
      await client.users.update.mutate({ metadata: {}, updatedAt: user.updatedAt });
      const time: Date = (await client.health.status.query()).time;
      export { changes, lastLogin, next, owner, reason, role, status, time, total, year };
    `);
    expect(problems).toBe("");
  });

  it.each([
    ["a wrong type of input", `client.users.byId.query({ id: 42 })`, "TS2322"],
    ["an input that is missing", `client.users.byId.query()`, "TS2554"],
    ["a field too many", `client.users.byId.query({ id: "x", name: "y" })`, "TS2353"],
    ["a procedure that is not there", `client.users.drop.mutate({})`, "TS2339"],
    ["a query as a mutation", `client.users.byId.mutate({ id: "x" })`, "TS2339"],
    ["the password hash of a user", `(await client.users.byId.query({ id: "x" })).passwordHash`, "TS2339"],
    [
      "a filter by a column that may not be asked about",
      `client.users.list.query({ where: { passwordHash: "x" } })`,
      "TS2353",
    ],
    [
      "an operator that the type of a field has not",
      `client.users.list.query({ where: { emailVerified: { gt: true } } })`,
      "TS2353",
    ],
    ["a status that there is not", `client.users.list.query({ where: { status: { in: ["gone"] } } })`, "TS2322"],
    ["an order by what has none", `client.users.list.query({ sort: { field: "metadata" } })`, "TS2322"],
    ["a role in an update", `client.users.update.mutate({ role: "admin" })`, "TS2353"],
    ["the token of a session", `(await client.sessions.list.query()).items[0]?.refreshTokenId`, "TS2339"],
    ["a Date taken for text", `(await client.users.byId.query({ id: "x" })).createdAt.slice(0, 4)`, "TS2339"],
  ])("does not compile %s", (_, call, code) => {
    const problems = compile(`${preamble}
      await ${call};
      export {};`);
    expect(problems).toContain(code);
    expect(
      problems
        .trim()
        .split("\n")
        .filter((line) => line.includes("error TS")),
    ).toHaveLength(1);
  });

  it("talks to the service: dates arrive as Date, errors with their data, many calls in few requests", async () => {
    const database = await createDatabase();
    const { url, close } = await serviceForTest(database.url);
    const input = newUser();
    writeFileSync(
      join(frontend, "run.js"),
      `import { createClient } from "aeturnis-data-client";
       const client = createClient({ url: ${JSON.stringify(url)}, token: ${JSON.stringify(serviceToken)} });
       const user = await client.users.create.mutate(${JSON.stringify(input)});
       const many = await Promise.all(Array.from({ length: 250 }, () => client.users.byId.query({ id: user.id })));
       const rows = (lot) => Array.from({ length: 5000 }, (_, n) => ({ email: \`lot\${lot}n\${n}@example.com\`, username: \`lot\${lot}n\${n}\`, passwordHash: ${JSON.stringify(input.passwordHash)}, metadata: { note: "x".repeat(100) } }));
       const lots = await Promise.all([1, 2, 3].map((lot) => client.users.createMany.mutate({ rows: rows(lot) })));
       const refused = await client.users.create.mutate(${JSON.stringify(input)}).catch(({ data }) => data);
       console.log(JSON.stringify({ isDate: user.createdAt instanceof Date, many: many.length, written: lots.map(({ written }) => written), code: refused.code, field: refused.field }));`,
    );
    // Not execFileSync: this very process answers.
    const { stdout } = await promisify(execFile)(process.execPath, ["run.js"], { cwd: frontend });
    expect(JSON.parse(stdout)).toEqual({
      isDate: true,
      many: 250,
      written: [5000, 5000, 5000],
      code: "CONFLICT",
      field: "email",
    });
    await close();
    await database.drop();
  });
});
