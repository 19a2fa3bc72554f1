import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const shared = useService();

/** A connection of its own, and what came over it. */
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

/** A service with an update that waits for a lock for as long as `work` takes. */
async function whileUpdateWaits(
  env: Record<string, string>,
  work: (parts: {
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
    await eventually(async () => expect(await lockWaits()).toBe(1));
    await work({ service, id, waiting });
  });
  return id;
}

async function lockWaits(): Promise<number> {
  const rows = await shared.database.sql`
    select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  return rows.length;
}

it("a service that stops while a lock holds a call refuses others, then cancels the statement and answers the call", async () => {
  const id = await whileUpdateWaits({ SHUTDOWN_TIMEOUT_MS: "500" }, async ({ service, waiting }) => {
    const other = await open(service.url);
    const silent = await open(service.url);
    const started = performance.now();
    const closing = service.close();
    other.call("health.status");
    await other.closed;
    unavailable(other.got.text);
    await waiting.closed;
    unavailable(waiting.got.text);
    await Promise.all([closing, silent.closed]);
    // The time-out, and a moment for what is cancelled; the lock is still held.
    expect(performance.now() - started).toBeLessThan(2_500);
    expect(await lockWaits()).toBe(0);
  });
  const [row] = await shared.database.sql`select metadata from users where id = ${id}`;
  expect(row?.["metadata"]).toEqual({});
});

it("a service that stops lets a call finish, and closes its connection with the answer", async () => {
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

it("a service that stops closes connections that rest, and those that never asked, at once", async () => {
  const service = await serviceForTest(shared.database.url, { env: { SHUTDOWN_TIMEOUT_MS: "20000" } });
  const [rested, silent] = [await open(service.url), await open(service.url)];
  rested.call("health.status");
  await eventually(() => expect(rested.got.text).toContain("200 OK"));
  const started = performance.now();
  await Promise.all([service.close(), rested.closed, silent.closed]);
  expect(performance.now() - started).toBeLessThan(5_000);
});
