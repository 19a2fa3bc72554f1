import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import type { TestSettings } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const shared = useService();

/** Opens a connection, and collects what it receives. */
async function open(url: string) {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  const got = { text: "" };
  socket.on("data", (data) => (got.text += data));
  await once(socket, "connect");
  const closed = once(socket, "close");
  const call = (path: string, body?: object) => {
    const text = body === undefined ? "" : JSON.stringify({ json: body });
    const head = `host: a\r\nauthorization: Bearer ${serviceToken}\r\ncontent-type: application/json\r\n`;
    socket.write(`POST /trpc/${path} HTTP/1.1\r\n${head}content-length: ${text.length}\r\n\r\n${text}`);
  };
  return { got, closed, call };
}

const unavailable = (text: string) => {
  expect(text).toMatch(/^HTTP\/1\.1 503 /);
  expect(text).toMatch(/^connection: close\r$/im);
  expect(text).toMatch(/^retry-after: \d+\r$/im);
  const { data } = JSON.parse(text.split("\r\n\r\n")[1] ?? "").error.json;
  expect(data).toMatchObject({ code: "SERVICE_UNAVAILABLE", httpStatus: 503, retryAfter: 2 });
  expect(text).toContain(`x-request-id: ${data.requestId}`);
};

/** Starts a service in which an update waits for a lock until `work` ends. */
async function whileUpdateWaits(
  env: TestSettings,
  work: (running: {
    service: Awaited<ReturnType<typeof serviceForTest>>;
    id: string;
    waiting: Awaited<ReturnType<typeof open>>;
  }) => Promise<void>,
) {
  const service = await serviceForTest(shared.database.url, {
    env: { LOCK_TIMEOUT_MS: "0", STATEMENT_TIMEOUT_MS: "0", ...env },
  });
  const { id } = await clientOf(service.url, serviceToken).users.create.mutate(newUser());
  await shared.database.sql.begin(async (tx) => {
    await tx`select 1 from users where id = ${id} for update`;
    const waiting = await open(service.url);
    waiting.call("users.updateMany", { rows: [{ id, metadata: { late: true } }] });
    await eventually(async () => expect(await rowWaiters(shared.database.sql)).toHaveLength(1));
    await work({ service, id, waiting });
  });
  return id;
}

it("during shutdown, new calls get 503, and a call that waits for a lock is cancelled after the timeout", async () => {
  const id = await whileUpdateWaits({ SHUTDOWN_TIMEOUT_MS: "500" }, async ({ service, waiting }) => {
    const other = await open(service.url);
    const unused = await open(service.url);
    const started = performance.now();
    const closing = service.close();
    other.call("health.status");
    await other.closed;
    unavailable(other.got.text);
    await waiting.closed;
    unavailable(waiting.got.text);
    await Promise.all([closing, unused.closed]);
    // The timeout, and some time for the cancellation; the lock is still held.
    expect(performance.now() - started).toBeLessThan(2_500);
    expect(await rowWaiters(shared.database.sql)).toEqual([]);
  });
  const [row] = await shared.database.sql`select metadata from users where id = ${id}`;
  expect(row?.["metadata"]).toEqual({});
});

it("during shutdown, a running call finishes, and its connection closes with the answer", async () => {
  let answered: Promise<unknown> = Promise.resolve();
  let waited = { text: "" };
  await whileUpdateWaits({ SHUTDOWN_TIMEOUT_MS: "20000" }, async ({ service, waiting }) => {
    answered = Promise.all([waiting.closed, service.close()]);
    waited = waiting.got;
  });
  const started = performance.now();
  await answered;
  expect(waited.text).toMatch(/^HTTP\/1\.1 200 /);
  expect(waited.text).toMatch(/^connection: close\r$/im);
  expect(performance.now() - started).toBeLessThan(5_000);
});

it("shutdown closes idle and unused connections immediately", async () => {
  const service = await serviceForTest(shared.database.url, { env: { SHUTDOWN_TIMEOUT_MS: "20000" } });
  const [idle, unused] = [await open(service.url), await open(service.url)];
  idle.call("health.status");
  await eventually(() => expect(idle.got.text).toContain("200 OK"));
  const started = performance.now();
  await Promise.all([service.close(), idle.closed, unused.closed]);
  expect(performance.now() - started).toBeLessThan(5_000);
});

it("with SHUTDOWN_DELAY_MS, a service that stops answers for that time, says that it is not ready, and ends connections", async () => {
  const service = await serviceForTest(shared.database.url, { env: { SHUTDOWN_DELAY_MS: "2000", ADMIN_PORT: "0" } });
  const base = new URL(service.url).origin;
  const ready = () => fetch(`${base}/readyz`);
  expect([(await ready()).status, (await ready()).headers.get("connection")]).toEqual([200, "keep-alive"]);
  const begun = performance.now();
  const closing = service.close();
  const answer = await ready();
  expect([answer.status, await answer.json()]).toEqual([
    503,
    expect.objectContaining({ status: "not ready", stopping: true }),
  ]);
  expect(await (await fetch(service.metricsUrl ?? "")).text()).toContain("\naeturnis_ready 0\n");
  // Each call needs a new connection, and is answered.
  for (let calls = 0; calls < 3; calls++) {
    expect(await clientOf(service.url, serviceToken).health.status.query()).toMatchObject({
      ready: false,
      database: true,
    });
    const live = await fetch(`${base}/livez`);
    expect([live.status, live.headers.get("connection")]).toEqual([200, "close"]);
  }
  const fast = await open(service.url);
  fast.call("events.unknown");
  await fast.closed;
  expect(fast.got.text).toMatch(/^HTTP\/1\.1 404 /);
  await closing;
  expect(performance.now() - begun).toBeGreaterThanOrEqual(1_990);
  await expect(ready()).rejects.toThrow();
});

it("an urgent stop has no delay", async () => {
  const service = await serviceForTest(shared.database.url, { env: { SHUTDOWN_DELAY_MS: "3600000" } });
  await service.close({ urgent: true });
  await expect(fetch(service.url)).rejects.toThrow();
  // Nothing is left to wait for.
  await service.close();
});
