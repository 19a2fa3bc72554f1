import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { serviceForTest, serviceToken } from "../support/service.ts";
import { compile, installClient, prepareExamples, root, writeConfig } from "./packed-frontend.ts";

let frontend: string;

/** The compiler's messages for each file of the frontend and of the examples; both are compiled once. */
let frontendErrors: ReadonlyMap<string, readonly string[]>;
let exampleErrors: ReadonlyMap<string, readonly string[]>;

const preamble = `
  import { type Client, createClient, type Inputs, type Outputs } from "aeturnis-data-client";
  const client: Client = createClient({ url: "http://127.0.0.1:3000/trpc", token: async () => "token" });
`;

const soundFile = `${preamble}
  import {
    type AppRouter, type AuditEntry, type BulkReport, type ClientError, type ClientSession, createSession, type ErrorData,
    type Filter, isClientError, type SessionStage, type SessionState,
    type ListOptions, type Page, type Sort, type User, type UserSession, maxItems, maxURLLength, transformer,
  } from "aeturnis-data-client";
  import { createTRPCClient, httpBatchLink, loggerLink } from "@trpc/client";

  const input: Inputs["users"]["create"] = { email: "a@example.com", username: "abc", passwordHash: "$x$y" };
  const withPassword: Inputs["users"]["create"] = { email: "a@example.com", username: "abc", password: "a new password" };
  const rows: Inputs["users"]["createMany"]["rows"] = [input, withPassword];
  const user: Outputs["users"]["byId"] = await client.users.create.mutate(input);
  const named: User = user;
  const year: number = user.createdAt.getFullYear();
  const lastLogin: Date | null = user.lastLogin;
  const status: "active" | "suspended" | "banned" = user.status;
  const where: Inputs["users"]["list"]["where"] = {
    status: { in: ["banned", "suspended"] },
    createdAt: { gte: new Date(0), lt: new Date() },
    or: [{ username: { like: "mir*" } }, { lastLogin: null }, { emailVerified: true }],
    not: { metadata: { contains: { guild: { id: 7 } } } },
  };
  const filter: Filter<User> | undefined = where;
  const sort: Sort<"lastLogin" | "username">[] = [
    { field: "lastLogin", direction: "desc", nulls: "first" },
    { field: "username" },
  ];
  const options: ListOptions<User> = { where: filter, sort, limit: 10, total: "estimated" };
  const page: Page<User> = await client.users.list.query(options);
  await client.users.list.query();
  const next: string | null = page.nextCursor;
  const total: number | null = page.total;
  const role: "user" | "moderator" | "admin" | undefined = page.items[0]?.role;
  const report: BulkReport = await client.users.createMany.mutate({ rows, atomic: false });
  const reason: { index: number; field: string | null } | undefined = report.refused[0];
  const entries: AuditEntry[] = (await client.audit.list.query({ where: { actor: "service:x", action: "update" } })).items;
  const changes: Record<string, unknown> | null | undefined = entries[0]?.changes;
  const checked: UserSession | null = await client.sessions.check.query({ userId: user.id, sessionId: user.id });
  const owner: string | undefined = (await client.sessions.check.query({ userId: user.id, sessionId: "x" }))?.username;
  await client.users.update.mutate({ metadata: {}, updatedAt: user.updatedAt });
  const time: Date = (await client.health.status.query()).time;
  const failure = await client.users.me.query().catch((error: unknown) => error);
  const data: ErrorData | null | undefined = isClientError(failure) ? failure.data : null;
  const typed: ClientError | null = isClientError(failure) ? failure : null;
  const custom = createClient({
    url: new URL("https://game.example/trpc"),
    headers: async () => ({ "x-request-id": "request-4711" }),
    fetch: (url, init) => fetch(url, { ...init, credentials: "include" }),
    links: [loggerLink()],
    onUnauthorized: async (error) => error.data?.httpStatus === 401,
    maxRetries: 0,
  });
  createClient({ url: "/trpc", fetch });
  const session: ClientSession = createSession({ url: "/trpc", storage: localStorage, locks: navigator.locks });
  createSession({ url: "/trpc", storage: { getItem: async () => null, setItem: async () => {}, removeItem: () => {} } });
  const stage: SessionStage | undefined = session.state.status === "signedIn" ? session.state.stage : undefined;
  const result = await session.signIn({ login: "Mira", password: "secret" });
  const signedIn: { stage: SessionStage } =
    "challenge" in result ? await session.completeSignIn({ challenge: result.challenge, code: "123456" }) : result;
  const unsubscribe: () => void = session.subscribe(({ status }: SessionState) => status);
  const byHand = createTRPCClient<AppRouter>({
    links: [httpBatchLink({ url: "/trpc", transformer, maxItems, maxURLLength })],
  });
  export { byHand, changes, custom, data, lastLogin, named, next, owner, reason, role, stage, signedIn, unsubscribe, checked, status, time, total, typed, year };
`;

const wrongCalls = [
  ["an input of a wrong type", `client.users.byId.query({ id: 42 })`, "TS2322"],
  ["a missing input", `client.users.byId.query()`, "TS2554"],
  ["an unknown field", `client.users.byId.query({ id: "x", name: "y" })`, "TS2353"],
  ["an unknown procedure", `client.users.drop.mutate({})`, "TS2339"],
  ["a query called as a mutation", `client.users.byId.mutate({ id: "x" })`, "TS2339"],
  ["the password hash of a user", `(await client.users.byId.query({ id: "x" })).passwordHash`, "TS2339"],
  ["a filter by a secret column", `client.users.list.query({ where: { passwordHash: "x" } })`, "TS2353"],
  [
    "an operator that the field does not have",
    `client.users.list.query({ where: { emailVerified: { gt: true } } })`,
    "TS2353",
  ],
  [
    "both a password and a hash",
    `client.users.create.mutate({ email: "x", username: "x", password: "x", passwordHash: "x" })`,
    "TS2345",
  ],
  ["neither a password nor a hash", `client.users.create.mutate({ email: "x", username: "x" })`, "TS2345"],
  ["an unknown status", `client.users.list.query({ where: { status: { in: ["gone"] } } })`, "TS2322"],
  ["an order by a column without an order", `client.users.list.query({ sort: { field: "metadata" } })`, "TS2322"],
  ["a role in an update", `client.users.update.mutate({ role: "admin" })`, "TS2353"],
  ["the refresh token of a session", `(await client.sessions.list.query()).items[0]?.refreshTokenId`, "TS2339"],
  ["a Date used as a string", `(await client.users.byId.query({ id: "x" })).createdAt.slice(0, 4)`, "TS2339"],
] as const;

beforeAll(() => {
  frontend = mkdtempSync(join(tmpdir(), "aeturnis-frontend-"));
  installClient(frontend);
  writeFileSync(join(frontend, "sound.ts"), soundFile);
  for (const [index, [, call]] of wrongCalls.entries())
    writeFileSync(join(frontend, `wrong-${index}.ts`), `${preamble}\nawait ${call};\nexport {};`);
  const files = ["sound.ts", ...wrongCalls.map((_, index) => `wrong-${index}.ts`)];
  const compilerOptions = { skipLibCheck: false, exactOptionalPropertyTypes: true, types: [] };
  writeConfig(frontend, { compilerOptions, files });
  frontendErrors = compile(frontend);
  prepareExamples(frontend);
  exampleErrors = compile(join(frontend, "examples"));
}, 180_000);

afterAll(() => rmSync(frontend, { recursive: true, force: true }));

it("the packed client installs no part of the server, and has tRPC as its peer", () => {
  const installed = readdirSync(join(frontend, "node_modules")).filter((name) => !name.startsWith("."));
  expect(installed.sort()).toEqual(["@trpc", "aeturnis-data-client"]);
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "src/client/package.json"), "utf8"));
  expect(dependencies).toBeUndefined();
  expect(Object.keys(peerDependencies).sort()).toEqual(["@trpc/client", "@trpc/server"]);
});

it("the packed client has the version of the service", () => {
  const version = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8")).version;
  expect(version("src/client/package.json")).toBe(version("package.json"));
});

it("the packed client keeps the doc comment of every procedure", () => {
  const declarations = readFileSync(join(frontend, "node_modules/aeturnis-data-client/dist/index.d.ts"), "utf8");
  const procedures = [
    ...declarations.matchAll(/(\*\/\s*)?\b(\w+): _\$_trpc_server0\.TRPC(?:Query|Mutation)Procedure</g),
  ];
  expect(procedures.length).toBeGreaterThan(25);
  expect(procedures.filter(([, comment]) => comment === undefined).map(([, , name]) => name)).toEqual([]);
});

it("a strict frontend compiles with every input, answer and option of the packed client", () => {
  expect(frontendErrors.get("project")).toBeUndefined();
  expect(frontendErrors.get("sound.ts")).toBeUndefined();
});

it.each(wrongCalls.map(([name, , code], index) => [name, code, index] as const))(
  "a frontend does not compile %s",
  (_, code, index) => {
    expect(frontendErrors.get(`wrong-${index}.ts`)).toEqual([expect.stringContaining(code)]);
  },
);

it("the packed client's own declarations compile", () => {
  const expected = wrongCalls.map((_, index) => `wrong-${index}.ts`);
  expect([...frontendErrors.keys()].sort()).toEqual(expected.sort());
});

it("the examples for Node, Vite and Next compile with the packed client", () => {
  expect(Object.fromEntries(exampleErrors)).toEqual({});
});

it("the packed client receives dates as Date and errors with data, and splits many calls into few requests", async () => {
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
  // Not execFileSync: the service runs in this process and must answer.
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
