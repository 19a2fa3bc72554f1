import { createTRPCClient, httpBatchStreamLink, httpLink } from "@trpc/client";
import { fastify } from "fastify";
import superjson from "superjson";
import { describe, expect, it, onTestFinished } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { LineSampler } from "../../src/observability/line-sampler.ts";
import type { AppRouter } from "../../src/routers/app-router.ts";
import { createOverloadAnswer } from "../../src/server/overload.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { clientOf, serviceToken, startService, useService } from "../support/service.ts";

const service = useService();

const headers = { authorization: `Bearer ${serviceToken}` };
const json = { ...headers, "content-type": "application/json" };

describe("tRPC's own links", () => {
  it("a failed call of a batch does not affect the other calls", async () => {
    const client = clientOf(service.url, serviceToken);
    const user = await client.users.create.mutate(newUser());
    const [found, missing, status] = await Promise.allSettled([
      client.users.byId.query({ id: user.id }),
      client.users.byUsername.query({ username: "nobody" }),
      client.health.status.query(),
    ]);
    expect(found).toMatchObject({ status: "fulfilled", value: { id: user.id } });
    expect(missing).toMatchObject({
      status: "rejected",
      reason: { data: { code: "NOT_FOUND", path: "users.byUsername" } },
    });
    expect(status).toMatchObject({ status: "fulfilled", value: { ready: true } });
  });

  it.each([
    ["httpLink", httpLink({ url: "", transformer: superjson })],
    ["httpBatchStreamLink", httpBatchStreamLink({ url: "", transformer: superjson })],
  ])("%s reads, writes and receives errors like the batch link", async (name) => {
    const options = { url: service.url, transformer: superjson, headers };
    const client = createTRPCClient<AppRouter>({
      links: [name === "httpLink" ? httpLink(options) : httpBatchStreamLink(options)],
    });
    const user = await client.users.create.mutate(newUser());
    expect(await client.users.byId.query({ id: user.id })).toEqual(user);
    await expect(client.users.byId.query({ id: "42" })).rejects.toMatchObject({
      data: { code: "BAD_REQUEST", field: "id" },
    });
  });
});

describe("a request by hand", () => {
  const get = (path: string, input?: unknown) =>
    fetch(`${service.url}/${path}${input === undefined ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`}`, {
      headers,
    });

  it("an error has its HTTP status, the request's id, and all fields of ErrorData", async () => {
    const response = await get("users.byId", { json: { id: "42" } });
    const requestId = response.headers.get("x-request-id");
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(await response.json()).toEqual({
      error: {
        json: {
          code: -32600,
          message: "id: must be a UUID",
          data: {
            code: "BAD_REQUEST",
            httpStatus: 400,
            path: "users.byId",
            field: "id",
            requestId,
            retryAfter: null,
            reason: null,
          },
        },
      },
    });
  });

  it("an answer has the request's x-request-id if it is plain, or else a new one", async () => {
    const ask = async (id: string) =>
      (await fetch(`${service.url}/health.status`, { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await ask("game-server-17.42")).toBe("game-server-17.42");
    expect(await ask("with space <script>")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ["an unknown procedure", "GET", "users.nothing", undefined, 404],
    ["an inherited property", "GET", "constructor", undefined, 404],
    ["a mutation by GET", "GET", "users.create", undefined, 405],
    ["a query by POST with an invalid input", "POST", "users.list", "{}", 400],
    ["a query beside a mutation", "POST", "users.me,users.create?batch=1", '{"0":{"json":null},"1":{"json":{}}}', 400],
    ["a query by PUT", "PUT", "users.list", "{}", 405],
    ["a body that is not JSON", "POST", "users.create", "{oops", 400],
    ["an input without the key json", "POST", "users.create", "{}", 400],
    ["an input of null", "POST", "users.create", "null", 400],
    [
      "invalid superjson annotations",
      "POST",
      "users.create",
      '{"json":{},"meta":{"values":{"__proto__":["Date"]}}}',
      400,
    ],
    ["a batch that is not an object", "POST", "users.create,users.createMany?batch=1", "[]", 400],
    ["a batch of null", "GET", "users.byId?batch=1&input=null", undefined, 400],
    ["a batch of too many calls", "GET", `${Array(101).fill("health.status").join(",")}?batch=1`, undefined, 400],
  ])("the service refuses %s without an internal error", async (_, method, path, body, status) => {
    const response = await fetch(`${service.url}/${path}`, { method, headers: json, ...(body && { body }) });
    expect(response.status).toBe(status);
    expect(await response.text()).not.toMatch(/at .*\.js|select |node_modules/);
  });

  it("a body that is too large is refused before it is read", async () => {
    const response = await fetch(`${service.url}/users.create`, {
      method: "POST",
      headers: json,
      body: "x".repeat(5_000_000),
    });
    expect(response.status).toBe(413);
  });

  it("a client reads why a body that is too large is refused", async () => {
    const client = clientOf(service.url, serviceToken);
    const rows = Array.from({ length: 300 }, () => newUser({ metadata: { note: "x".repeat(15_000) } }));
    await expect(client.users.createMany.mutate({ rows })).rejects.toMatchObject({
      message: "The request's body is larger than 4 MiB.",
      data: { code: "PAYLOAD_TOO_LARGE", httpStatus: 413, requestId: expect.any(String), retryAfter: null },
    });
  });

  it("createClient sends a query that is too long for a URL by POST", async () => {
    const client = createClient({ url: service.url, token: serviceToken });
    const { id, email } = await client.users.create.mutate(newUser());
    const others = Array.from({ length: 99 }, (_, n) => `${"somebody".repeat(12)}${n}@example.com`);
    const { items } = await client.users.list.query({ where: { email: { in: [...others, email] } } });
    expect(items).toMatchObject([{ id }]);
  });

  it("an overloaded process answers 503 with retryAfter, except to the liveness probe, and logs a line a minute", async () => {
    const { log, lines } = readableLog();
    const sampler = new LineSampler();
    onTestFinished(() => sampler.close());
    const answerOverload = createOverloadAnswer(log, sampler);
    const busy = fastify();
    busy.addHook("onRequest", async (request, reply) => answerOverload(request, reply));
    busy.get("/trpc/health.status", async () => "answered");
    busy.get("/livez", async () => "alive");
    for (let n = 0; n < 3; n++) {
      const answer = await busy.inject("/trpc/health.status");
      expect(answer.statusCode).toBe(503);
      expect(answer.json()).toMatchObject({
        error: { json: { data: { code: "SERVICE_UNAVAILABLE", retryAfter: 2 } } },
      });
    }
    expect((await busy.inject("/livez")).body).toBe("alive");
    expect(lines).toMatchObject([{ level: "warn", times: 1 }]);
  });

  it("a media type other than JSON is refused", async () => {
    const response = await fetch(`${service.url}/users.create`, {
      method: "POST",
      headers: { ...headers, "content-type": "text/plain" },
      body: "x",
    });
    expect(response.status).toBe(415);
  });

  it("forms and files are refused before they are read", async () => {
    const form = new FormData();
    form.set("file", new Blob(["x".repeat(1000)]));
    const response = await fetch(`${service.url}/users.update`, { method: "POST", headers, body: form });
    expect(response.status).toBe(415);
  });

  it("a path with an invalid escape is refused as a tRPC error with the request's id", async () => {
    const response = await fetch(`${service.url}/%ZZ`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: {
        json: {
          message: "The path of the request cannot be read.",
          data: { code: "BAD_REQUEST", httpStatus: 400, requestId: response.headers.get("x-request-id") },
        },
      },
    });
  });

  it("a call whose answer cannot be serialized does not affect the other calls of its batch", async () => {
    const client = clientOf(service.url, serviceToken);
    const [plain, odd] = [await client.users.create.mutate(newUser()), await client.users.create.mutate(newUser())];
    // Nested deeper than JavaScript can recurse. The table's constraint prevents that and is dropped here.
    await service.database.sql`alter table users drop constraint users_metadata_depth_check`;
    await service.database.sql`
      update users set metadata = jsonb_build_object('deep', (repeat('[', 6000) || repeat(']', 6000))::jsonb) where id = ${odd.id}`;
    const calls = [plain, odd].map(({ username }) => client.users.byUsername.query({ username }));
    expect(await Promise.allSettled(calls)).toMatchObject([
      { status: "fulfilled", value: { id: plain.id } },
      { status: "rejected", reason: { data: { code: "INTERNAL_SERVER_ERROR" } } },
    ]);
  });

  it("any other path gets a 404 that names the path of procedures", async () => {
    const response = await fetch(new URL("/", service.url));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("/trpc/") });
  });
});

describe("browsers", () => {
  it("browsers may call from the origins in CORS_ORIGINS and from no others", async () => {
    const open = await startService(service.database.url, { env: { CORS_ORIGINS: "https://game.example" } });
    try {
      const allowed = async (url: string, origin: string) =>
        (await fetch(`${url}/health.status`, { headers: { origin } })).headers.get("access-control-allow-origin");
      expect(await allowed(open.url, "https://game.example")).toBe("https://game.example");
      expect(await allowed(open.url, "https://evil.example")).toBeNull();
      expect(await allowed(service.url, "https://game.example")).toBeNull();
    } finally {
      await open.close();
    }
  });
});
