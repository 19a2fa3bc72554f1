import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { newUser } from "../support/factories.ts";
import { clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const origin = "https://play.example";
const service = useService({ env: { CORS_ORIGINS: origin } });

const json = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" };
const input = (value: unknown) => encodeURIComponent(JSON.stringify(value));

/** Whether tRPC's adapter wrote the answer. */
const isFromAdapter = (headers: Headers) => /trpc-accept/.test(headers.get("vary") ?? "");

/** Everything of an answer but its date, its id, what only the adapter sets, and whether the connection stays open. */
async function answerTo(path: string, init: RequestInit) {
  const response = await fetch(`${service.url}/${path}`, init);
  const { vary, "x-request-id": id, ...headers } = Object.fromEntries(response.headers);
  for (const name of ["date", "connection", "keep-alive", "transfer-encoding"]) delete headers[name];
  const text = (await response.text()).replaceAll(id ?? "", "<id>").replace(/(?<="time":")[^"]*/, "<time>");
  const type = headers["content-type"]?.split(";")[0];
  return { status: response.status, headers: { ...headers, "content-type": type, vary: vary?.split(",")[0] }, text };
}

/** The same request with a parameter that no plain request has, so that Fastify and tRPC's adapter answer it. */
const unusual = (path: string) => `${path}${path.includes("?") ? "&" : "?"}unusual=1`;

const requests: [string, string, RequestInit][] = [
  ["a query", "health.status", {}],
  ["a query with an input", `users.byUsername?input=${input({ json: { username: "fast_path" } })}`, {}],
  ["a query by POST", "users.byUsername", { method: "POST", body: '{"json":{"username":"fast_path"}}' }],
  ["a failed query", `users.byId?input=${input({ json: { id: "42" } })}`, {}],
  ["an input that is not JSON", "users.byId?input=%7B", {}],
  ["an input in another form", `users.byId?input=${input({ id: "42" })}`, {}],
  ["an input with an inexact number", "users.byId?input=%7B%22json%22%3A%7B%22id%22%3A1e999%7D%7D", {}],
  ["a call without a token", "users.me", { headers: { authorization: "" } }],
  ["a call with a false token", "users.me", { headers: { authorization: "Bearer x.y.z" } }],
  ["a mutation by GET", "users.create", {}],
  ["an unknown procedure", "users.none", {}],
  ["a mutation without a body", "auth.signOut", { method: "POST" }],
  ["a mutation with an invalid input", "users.create", { method: "POST", body: '{"json":{}}' }],
  ["a body that is not JSON", "users.create", { method: "POST", body: "{" }],
  ["a body that is not UTF-8", "users.create", { method: "POST", body: Buffer.from([0x7b, 0xff]) }],
  ["a batch", `health.status,users.byUsername?batch=1&input=${input({ 1: { json: { username: "fast_path" } } })}`, {}],
  ["a batch with an error", `health.status,users.byId?batch=1&input=${input({ 1: { json: { id: "42" } } })}`, {}],
  ["a batch that is not UTF-8", "users.create?batch=1", { method: "POST", body: Buffer.from([0x7b, 0xff]) }],
  ["a batch whose input is no object", "users.byId?batch=1&input=1", {}],
  ["a page of an allowed origin", "health.status", { headers: { origin } }],
  ["a page of another origin", "health.status", { headers: { origin: "https://other.example" } }],
  ["HEAD", "health.status", { method: "HEAD" }],
  ["a parameter without a value", "users.byUsername?inputs", {}],
  ["a query that names another type", "health.status", { headers: { "content-type": "application/octet-stream" } }],
  [
    "a body with a byte order mark",
    "users.byUsername",
    { method: "POST", body: '\uFEFF{"json":{"username":"fast_path"}}' },
  ],
  ["a path with an escape", "health%2Estatus", {}],
  ["two procedures that check passwords", "auth.signIn,auth.signIn?batch=1", { method: "POST", body: "{}" }],
];

it.each(requests)("the answer to %s is the same as that of Fastify and tRPC's adapter", async (_, path, init) => {
  const client = clientOf(service.url, serviceToken);
  await client.users.create.mutate({ ...newUser(), username: "fast_path" }).catch(() => {});
  const given = { ...init, headers: { ...json, ...init.headers } };
  const [plain, other] = [await answerTo(path, given), await answerTo(unusual(path), given)];
  expect(plain).toEqual(other);
});

it.each([
  ["a query", "health.status", {}, false],
  ["a mutation", "users.create", { method: "POST", body: '{"json":{}}' }, false],
  ["a batch", "health.status,health.status?batch=1", {}, false],
  ["a page of an allowed origin", "health.status", { headers: { origin } }, false],
  ["a stream", "health.status?batch=1", { headers: { "trpc-accept": "application/jsonl" } }, true],
  [
    "a body of unknown length",
    "users.create",
    { method: "POST", body: new Blob(["{}"]).stream(), duplex: "half" },
    true,
  ],
] as [string, string, RequestInit, boolean][])(
  "%s is answered on the path it should take",
  async (_, path, init, byAdapter) => {
    const given = { ...init, headers: { ...json, ...init.headers } };
    expect(isFromAdapter((await fetch(`${service.url}/${path}`, given)).headers)).toBe(byAdapter);
  },
);

it("the first request of a service is answered on the fast path, of each allowed origin too", async () => {
  const { url } = await serviceForTest(service.database.url, { env: { CORS_ORIGINS: origin } });
  for (const headers of [{ origin }, {}])
    expect(isFromAdapter((await fetch(`${url}/health.status`, { headers })).headers)).toBe(false);
});

it("a fragment in a request line does not belong to the query", async () => {
  const head = "Host: x\r\nConnection: close\r\n\r\n";
  expect(await exchange(/"ready".*\]/s, `GET /trpc/health.status?batch=1#x HTTP/1.1\r\n${head}`)).toContain(
    '[{"result"',
  );
});

/** Sends bytes over one connection, and returns what arrives until `end` matches. */
async function exchange(end: RegExp, ...parts: string[]) {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay();
  let text = "";
  const arrived = new Promise<string>((resolve, reject) => {
    socket.on("data", (data) => {
      text += data;
      if (end.test(text)) resolve(text);
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(text)));
  });
  await once(socket, "connect");
  for (const part of parts) await new Promise((resolve) => socket.write(part, resolve));
  await arrived;
  socket.destroy();
  return text;
}

it("requests that arrive in one packet are answered in their order", async () => {
  const request = (id: string) => `GET /trpc/health.status HTTP/1.1\r\nhost: a\r\nx-request-id: ${id}\r\n\r\n`;
  const ids = ["request-1", "request-2", "request-3"];
  const text = await exchange(/request-3.*ready/s, ids.map(request).join(""));
  expect(text.match(/(?<=x-request-id: )request-\d/g)).toEqual(ids);
});

it("a body that arrives in parts is read as one", async () => {
  const head = `host: a\r\nauthorization: ${json.authorization}\r\ncontent-type: application/json\r\n`;
  const body = '{"json":{"username":"never_there_ü"}}';
  const text = await exchange(
    /NOT_FOUND|BAD_REQUEST/,
    `POST /trpc/users.byUsername HTTP/1.1\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    body.slice(0, 9),
    body.slice(9),
  );
  expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
});
