import { connect } from "node:net";
import { createTRPCClient, httpBatchLink, httpBatchStreamLink, TRPCClientError } from "@trpc/client";
import superjson from "superjson";
import { beforeAll, expect, it } from "vitest";
import { createClient, maxItems, maxURLLength } from "../../src/client/index.ts";
import type { AppRouter } from "../../src/routers/app-router.ts";
import { maxBatchSize, maxHeadSize } from "../../src/server/limits.ts";
import { newUser } from "../support/factories.ts";
import { clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const service = useService();
const headers = { authorization: `Bearer ${serviceToken}` };
let userId: string;
beforeAll(async () => {
  userId = (await clientOf(service.url, serviceToken).users.create.mutate(newUser())).id;
});

/** The outcome of each of `count` calls in one tick: "answered", or the code and HTTP status of its error. */
async function outcomes(count: number, callUser: (id: string) => Promise<unknown>) {
  const calls = Array.from({ length: count }, () => callUser(userId));
  const results = await Promise.allSettled(calls);
  return results.map((result) => {
    if (result.status === "fulfilled") return "answered";
    const { reason } = result;
    return reason instanceof TRPCClientError ? { ...reason.data, message: reason.message } : reason;
  });
}

it.each([
  { count: 101, httpStatus: 400, code: "BAD_REQUEST", message: /100 calls at most, and this one 101: set maxItems/ },
  { count: 150, httpStatus: 400, code: "BAD_REQUEST", message: /100 calls at most, and this one 150: set maxItems/ },
  { count: 400, httpStatus: 414, code: "PAYLOAD_TOO_LARGE", message: /URL is larger than 16 KiB.*maxURLLength/ },
  { count: 900, httpStatus: 431, code: "PAYLOAD_TOO_LARGE", message: /larger than 16 KiB.*maxURLLength/ },
])("a stock httpBatchLink reads why its request of $count calls is refused", async ({ count, message, ...data }) => {
  const client = clientOf(service.url, serviceToken);
  const results = await outcomes(count, (id) => client.users.byId.query({ id }));
  expect(results).toHaveLength(count);
  for (const result of results)
    expect(result).toMatchObject({ ...data, message: expect.stringMatching(message), requestId: expect.any(String) });
});

it("a stock httpBatchLink that sends POST reads the limit of calls for each of 400 calls", async () => {
  const options = { url: service.url, transformer: superjson, headers, methodOverride: "POST" as const };
  for (const link of [httpBatchLink(options), httpBatchStreamLink(options)]) {
    const client = createTRPCClient<AppRouter>({ links: [link] });
    const results = await outcomes(400, (id) => client.users.byId.query({ id }));
    for (const result of results) expect(result).toMatchObject({ httpStatus: 400, code: "BAD_REQUEST" });
  }
});

it.each([101, 150, 400])("createClient splits %i calls into requests that are answered", async (count) => {
  const client = createClient({ url: service.url, token: serviceToken });
  const results = await outcomes(count, (id) => client.users.byId.query({ id }));
  expect(results).toEqual(Array(count).fill("answered"));
});

it("a batch link with the client's maxItems and maxURLLength stays within the limits of the service", async () => {
  expect(maxItems).toBe(maxBatchSize);
  expect(maxURLLength).toBeLessThan(maxHeadSize);
  const options = { url: service.url, transformer: superjson, headers, maxItems, maxURLLength };
  const client = createTRPCClient<AppRouter>({ links: [httpBatchLink(options)] });
  expect(await outcomes(400, (id) => client.users.byId.query({ id }))).toEqual(Array(400).fill("answered"));
});

it("a refused batch has one error for each of its calls", async () => {
  const paths = Array(150).fill("health.status").join(",");
  const response = await fetch(`${service.url}/${paths}?batch=1`, { headers });
  const errors = (await response.json()) as unknown[];
  expect(errors).toHaveLength(150);
  expect(errors[149]).toMatchObject({ error: { json: { data: { code: "BAD_REQUEST", httpStatus: 400 } } } });
});

/** Sends a request over a connection of its own, and returns the answer's head when the service closes it. */
async function answerUntilClose(head: string, body = ""): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (data) => (answer += data));
  // The service may close the connection before the whole body is sent.
  socket.on("error", () => {});
  socket.write(`${head}\r\nhost: a\r\n${body === "" ? "" : "content-type: application/json\r\n"}`);
  socket.write(body === "" ? "\r\n" : `content-length: ${body.length}\r\n\r\n${body}`);
  await new Promise((resolve) => socket.once("close", resolve));
  return answer.split("\r\n\r\n")[0]?.toLowerCase() ?? "";
}

it.each([
  ["a head that Node cannot read", 431, `GET /trpc/health.status?input=${"x".repeat(100_000)} HTTP/1.1`, ""],
  ["a body that is too large", 413, "POST /trpc/users.create HTTP/1.1", "x".repeat(5_000_000)],
])("the answer to %s says that the connection closes", async (_, status, head, body) => {
  const answer = await answerUntilClose(head, body);
  expect(answer).toContain(`http/1.1 ${status} `);
  expect(answer).toMatch(/^connection: close\r?$/m);
});

it("a page of an allowed origin can read refusals, Retry-After and X-Request-Id", async () => {
  const origin = "https://game.example";
  const { url } = await serviceForTest(service.database.url, { env: { CORS_ORIGINS: origin } });
  const refused = [
    fetch(`${url}/users.me`, { headers: { origin } }),
    fetch(`${url}/health.status?input=${"x".repeat(20_000)}`, { headers: { origin } }),
    fetch(`${url}/users.create`, { method: "POST", headers: { origin, "content-encoding": "gzip" }, body: "x" }),
  ];
  for (const response of await Promise.all(refused)) {
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("access-control-expose-headers")).toBe("retry-after, x-request-id");
  }
  const preflight = await fetch(`${url}/users.create`, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
  });
  expect(preflight.status).toBe(204);
});
