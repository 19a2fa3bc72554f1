import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readJournal } from "../../src/migrator/journal/folder.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { wireTo } from "../support/proxy.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
});
afterAll(() => database.drop());

const authorization = `Bearer ${serviceToken}`;
const readiness = (url: string) => fetch(new URL("/readyz", url));
const liveness = (url: string) => fetch(new URL("/livez", url));

describe("while the database is unavailable", () => {
  it("without the database, calls get SERVICE_UNAVAILABLE with Retry-After, /readyz reports why, /livez succeeds; then the service recovers", async () => {
    const wire = await wireTo(database.url);
    const { url } = await serviceForTest(wire.url);
    const client = clientOf(url, serviceToken);
    const user = await client.users.create.mutate(newUser());

    await wire.cut();
    const response = await fetch(`${url}/users.list?input=${encodeURIComponent('{"json":{}}')}`, {
      headers: { authorization },
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await response.json()).toMatchObject({
      error: { json: { data: { code: "SERVICE_UNAVAILABLE", retryAfter: 2 } } },
    });
    const unready = await readiness(url);
    expect(unready.status).toBe(503);
    expect(unready.headers.get("retry-after")).toBe("2");
    expect(await unready.json()).toEqual({ status: "not ready", database: false, writable: false, pending: null });
    expect((await liveness(url)).status).toBe(200);
    expect(await clientOf(url).health.status.query()).toMatchObject({ ready: false, database: false });

    await wire.mend();
    await eventually(async () => expect((await readiness(url)).status).toBe(200));
    expect(await client.users.byId.query({ id: user.id })).toEqual(user);
  });

  it("a request whose query gets no answer is answered after the request timeout", async () => {
    const wire = await wireTo(database.url);
    const { url } = await serviceForTest(wire.url, { env: { REQUEST_TIMEOUT_MS: "200", SHUTDOWN_TIMEOUT_MS: "100" } });
    wire.silence();
    await expect(clientOf(url, serviceToken).users.list.query({})).rejects.toMatchObject({
      data: { code: "SERVICE_UNAVAILABLE" },
      message: "The database did not answer in time. Try again in a few seconds.",
    });
  });

  it("when the server ends connections under load, calls succeed or get SERVICE_UNAVAILABLE, and no confirmed write is lost", async () => {
    const { url } = await serviceForTest(database.url);
    const client = clientOf(url, serviceToken);
    const confirmed: string[] = [];
    const refused: unknown[] = [];
    const write = async () => {
      for (let n = 0; n < 20; n++) {
        await client.users.create.mutate(newUser()).then(
          ({ id }) => confirmed.push(id),
          (error) => refused.push(error.data.code),
        );
      }
    };
    const storm = async () => {
      for (let n = 0; n < 10; n++) {
        await database.sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'aeturnis-data' and datname = current_database()`;
      }
    };
    await Promise.all([...Array.from({ length: 8 }, write), storm()]);

    expect(new Set(refused)).toEqual(new Set(refused.length > 0 ? ["SERVICE_UNAVAILABLE"] : []));
    expect(confirmed.length).toBeGreaterThan(0);
    const [row] = await database.sql`select count(*)::int from users where id = any(${confirmed})`;
    expect(row?.["count"]).toBe(confirmed.length);
  });
});

describe("while the database is read-only", () => {
  it("on a read-only database, /readyz reports it, writes get SERVICE_UNAVAILABLE, reads succeed; then the first write succeeds again", async () => {
    const name = database.sql(new URL(database.url).pathname.slice(1));
    await database.sql`alter database ${name} set default_transaction_read_only = on`;
    const { url } = await serviceForTest(database.url);
    const client = clientOf(url, serviceToken);
    const unready = await readiness(url);
    expect([unready.status, await unready.json()]).toEqual([
      503,
      {
        status: "not ready",
        database: true,
        writable: false,
        pending: [],
        auditRunway: { endsAt: expect.any(String), monthsAhead: 3, hasRowsBeyond: false },
      },
    ]);
    await expect(client.users.create.mutate(newUser())).rejects.toMatchObject({
      data: { code: "SERVICE_UNAVAILABLE" },
    });
    expect((await client.users.list.query({ limit: 1 })).items.length).toBeLessThanOrEqual(1);

    // As after a failover: open connections still lead to a read-only server.
    await database.sql`alter database ${name} reset default_transaction_read_only`;
    await eventually(async () => expect((await readiness(url)).status).toBe(200));
    await Promise.all(Array.from({ length: 4 }, () => client.users.create.mutate(newUser())));
  });
});

describe("while migrations are pending", () => {
  it("/readyz names pending migrations, and calls that need them fail without SQL in the error", async () => {
    const empty = await createDatabase({ empty: true });
    const { log, lines } = readableLog();
    const { url, close } = await serviceForTest(empty.url, { log });
    const unready = await readiness(url);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({
      status: "not ready",
      database: true,
      writable: true,
      pending: readJournal().map(({ tag }) => tag),
    });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", msg: expect.stringContaining("run `aeturnis-data migrate up`") }),
    );

    const input = newUser();
    const error = await clientOf(url, serviceToken)
      .users.create.mutate(input)
      .catch((reason) => reason);
    expect(error.data).toMatchObject({ code: "INTERNAL_SERVER_ERROR", httpStatus: 500 });
    expect(error.message).toBe(
      `An internal error occurred. The service's log has it under request ${error.data.requestId}.`,
    );
    expect(JSON.stringify(error.shape)).not.toMatch(/insert|users_|relation/);

    // The log can be searched for the request, says what happened, and holds nothing of the input.
    const line = lines.find(({ requestId, level }) => requestId === error.data.requestId && level === "error");
    expect(line).toMatchObject({ path: "users.create", err: { sqlstate: "42P01" } });
    expect(JSON.stringify(lines)).not.toContain(input.email);
    expect(JSON.stringify(lines)).not.toContain(input.passwordHash);
    await close();
    await empty.drop();
  });
});

describe("shutdown", () => {
  it("shutdown lets a running request finish, and accepts no others", async () => {
    const { url, close } = await serviceForTest(database.url);
    const client = clientOf(url, serviceToken);
    const user = await client.users.create.mutate(newUser());

    // The update waits for this lock, and so must the shutdown.
    const running = await database.sql.begin(async (tx) => {
      await tx`select 1 from users where id = ${user.id} for update`;
      const update = client.users.updateMany.mutate({ rows: [{ id: user.id, metadata: { finished: true } }] });
      await eventually(async () => expect(await rowWaiters(database.sql)).toHaveLength(1));
      const closing = close();
      const refused = () =>
        liveness(url).then(
          ({ status }) => status === 503,
          () => true,
        );
      await eventually(async () => expect(await refused()).toBe(true));
      return { update, closing };
    });
    expect(await running.update).toEqual({ written: 1, refused: [] });
    await running.closing;
  });
});
