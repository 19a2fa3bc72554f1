import { once } from "node:events";
import { connect } from "node:net";
import { createTRPCClient, httpBatchLink, httpBatchStreamLink } from "@trpc/client";
import superjson from "superjson";
import { describe, expect, it } from "vitest";
import type { AppRouter } from "../../src/routers/app-router.ts";
import { readableLog } from "../support/log.ts";
import { serviceForTest, serviceToken, useService } from "../support/service.ts";

const service = useService();
const json = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" };
const jsonl = { "trpc-accept": "application/jsonl" };
const many = (count: number) => `${Array(count).fill("health.status").join(",")}?batch=1`;

/** Sends bytes, and returns the answer when the connection closes. */
async function exchange(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (data) => (answer += data));
  socket.write(text);
  await once(socket, "close");
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head: head.toLowerCase(), body: JSON.parse(body) };
}

describe("a request that is refused", () => {
  it.each([
    ["a batch of 500", 400, many(500), {}, /100 calls at most, and this one 500: set maxItems/],
    ["a URL of 60 KB", 414, `health.status?input=${"x".repeat(60_000)}`, {}, /URL is larger than 16 KiB/],
    ["a URL of 100 KB", 431, `health.status?input=${"x".repeat(100_000)}`, {}, /larger than 16 KiB/],
    ["headers of 20 KB", 431, "health.status", { headers: { "x-large": "x".repeat(20_000) } }, /larger than 16 KiB/],
    [
      "a gzip body",
      415,
      "users.create",
      { method: "POST", headers: { "content-encoding": "gzip" }, body: "x" },
      /encoding/,
    ],
    [
      "a body that is not JSON",
      415,
      "users.create",
      { method: "POST", headers: { "content-type": "text/xml" }, body: "x" },
      /JSON/,
    ],
    [
      "a body in another charset",
      415,
      "users.create",
      { method: "POST", headers: { "content-type": "application/json;charset=utf-16" }, body: "{}" },
      /UTF-8/,
    ],
    [
      "a body in Latin-1",
      400,
      "users.create",
      { method: "POST", body: Buffer.from('"M\xfcller"', "latin1") },
      /not UTF-8/,
    ],
    ["a body of 5 MB", 413, "users.create", { method: "POST", body: "x".repeat(5_000_000) }, /larger than 4 MiB/],
    ["the method PUT", 405, "users.list", { method: "PUT", body: "x" }, /GET, HEAD and POST/],
    ["an unknown path", 404, "a/b", {}, /nothing here/],
    ["a path that cannot be read", 400, "%ZZ", {}, /cannot be read/],
    ["a streamed answer without a batch", 400, "health.status", { headers: jsonl }, /batch/],
    ["a mixed batch", 400, "users.me,users.create?batch=1", { method: "POST", body: "{}" }, /mix/],
    ["invalid connection parameters", 400, "health.status?connectionParams=%7B", { headers: jsonl }, /read/],
  ])(
    "a request with %s gets %i as a tRPC error, with one id in header and body",
    async (_, status, path, init: RequestInit, text) => {
      const response = await fetch(`${service.url}/${path}`, { ...init, headers: { ...json, ...init.headers } });
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      const requestId = response.headers.get("x-request-id");
      expect(requestId).toMatch(/^[\w-]{36}$/);
      const [body] = [await response.json()].flat();
      expect(body).toMatchObject({
        error: { json: { message: expect.stringMatching(text), data: { httpStatus: status, requestId } } },
      });
    },
  );

  it.each([
    ["bytes that are not HTTP", "GARBAGE\r\n\r\n", 400],
    ["an unknown method", "FOO /trpc/x HTTP/1.1\r\nhost: a\r\n\r\n", 400],
    ["an invalid Content-Length", "POST /trpc/x HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", 400],
    ["no Host header", "GET /trpc/health.status HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    ["an unknown Expect header", "GET /trpc/x HTTP/1.1\r\nhost: a\r\nexpect: tea\r\nconnection: close\r\n\r\n", 417],
  ])("a request with %s gets a tRPC error too", async (_, text, status) => {
    const { head, body, ...answer } = await exchange(service.url, text);
    expect(answer.status).toBe(status);
    const { requestId, httpStatus } = body.error.json.data;
    expect(httpStatus).toBe(status);
    expect(head).toContain(`x-request-id: ${requestId}`);
  });

  it("a request whose headers or body arrive late gets 408", async () => {
    const { url } = await serviceForTest(service.database.url, { env: { REQUEST_TIMEOUT_MS: "100" } });
    const body =
      "POST /trpc/users.create HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    for (const text of ["GET /trpc/health.status HTTP/1.1\r\n", body]) {
      const answer = await exchange(url, text);
      expect(answer).toMatchObject({
        status: 408,
        body: { error: { json: { data: { code: "TIMEOUT", httpStatus: 408 } } } },
      });
    }
  });

  it("a refused batch is an error of each of its calls, for tRPC's links and for fetch", async () => {
    const response = await fetch(`${service.url}/users.list,users.me?batch=1`, { method: "DELETE" });
    expect(response.headers.get("allow")).toBe("GET, HEAD, POST");
    const error = { error: { json: { data: { code: "METHOD_NOT_SUPPORTED" } } } };
    expect(await response.json()).toMatchObject([error, error]);

    for (const link of [httpBatchLink, httpBatchStreamLink]) {
      const options = { url: service.url, transformer: superjson, headers: json };
      const client = createTRPCClient<AppRouter>({ links: [link(options)] });
      const large = client.users.createMany.mutate({ rows: [{ note: "x".repeat(5_000_000) }] as never });
      const calls = [large, client.users.create.mutate({} as never)];
      expect(await Promise.allSettled(calls)).toMatchObject(
        calls.map(() => ({ reason: { data: { code: "PAYLOAD_TOO_LARGE", requestId: expect.any(String) } } })),
      );
    }
  });

  it("a refused request is logged under the id of its answer, also by tRPC's adapter", async () => {
    const { log, lines } = readableLog();
    const { url } = await serviceForTest(service.database.url, { log });
    for (const path of ["users.me,users.create?batch=1", "users.nothing", "health.status"]) {
      const init = path.startsWith("users.me") ? { method: "POST", body: "{}" } : { headers: jsonl };
      const response = await fetch(`${url}/${path}`, { ...init, headers: { ...json, ...init.headers } });
      const requestId = response.headers.get("x-request-id");
      expect(JSON.stringify(await response.json())).toContain(requestId);
      expect(lines).toContainEqual(expect.objectContaining({ msg: "procedure failed", requestId }));
    }
    for (const path of [many(101), "a/b", "%ZZ"]) {
      const requestId = (await fetch(`${url}/${path}`)).headers.get("x-request-id");
      expect(lines).toContainEqual(expect.objectContaining({ msg: "request refused", requestId }));
    }
    const { body } = await exchange(url, "GARBAGE\r\n\r\n");
    const { requestId } = body.error.json.data;
    expect(lines).toContainEqual(expect.objectContaining({ msg: "request refused", requestId }));
  });
});

describe("HEAD", () => {
  it.each([
    ["a query", "users.byUsername?input=%7B%22json%22%3A%7B%22username%22%3A%22nobody%22%7D%7D", {}],
    ["a mutation", "users.create", {}],
    ["an unknown procedure", "users.nothing", {}],
    ["a streamed batch", "health.status?batch=1", jsonl],
  ])("HEAD of %s has the status and headers of GET, and no body", async (_, path, more) => {
    const ask = async (method: string) => {
      const headers = { ...json, ...more, "x-request-id": "the-same-id" };
      const response = await fetch(`${service.url}/${path}`, { method, headers });
      const text = await response.text();
      const {
        date: _,
        connection: __,
        "keep-alive": ___,
        "transfer-encoding": ____,
        ...rest
      } = Object.fromEntries(response.headers);
      return { status: response.status, headers: rest, text };
    };
    const [head, get] = [await ask("HEAD"), await ask("GET")];
    expect({ ...head, text: get.text }).toEqual(get);
    expect(head.text).toBe("");
  });
});

it("a streamed batch has the content type application/jsonl", async () => {
  const response = await fetch(`${service.url}/health.status?batch=1`, { headers: jsonl });
  expect(response.headers.get("content-type")).toBe("application/jsonl");
  for (const line of (await response.text()).trim().split("\n")) JSON.parse(line);
});
