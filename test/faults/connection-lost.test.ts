import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { driver as openDriver } from "../support/driver.ts";
import { eventually } from "../support/eventually.ts";
import { wireTo } from "../support/proxy.ts";

// The driver's behaviour when a connection is lost; `patches/README.md` says which release fails which test.

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await database.sql`create table written (who text)`;
});
beforeEach(() => database.sql`truncate written`);
afterAll(() => database.drop());

const driver = (url = database.directUrl, options: Parameters<typeof openDriver>[1] = {}) => openDriver(url, options);

const kill = () =>
  database.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and datname = current_database()`;
const killed = async () => {
  await kill();
  await eventually(async () =>
    expect(
      await database.sql`select 1 from pg_stat_activity where application_name = 'victim' and datname = current_database()`,
    ).toHaveLength(0),
  );
};
const sleepers = () =>
  database.sql`select 1 from pg_stat_activity where application_name = 'victim' and wait_event = 'PgSleep'`;
const backends = () =>
  database.sql`select 1 from pg_stat_activity where application_name = 'victim' and datname = current_database()`;
const written = async () => (await database.sql`select who from written order by who`).map((row) => row["who"]);

describe("when the server ends a connection", () => {
  it("a query whose connection the server ends fails with the server's reason, and the next one succeeds", async () => {
    const sql = driver();
    const running = sql`select pg_sleep(10)`.catch((error: Error) => error);
    await eventually(async () => expect(await kill()).toHaveLength(1));
    expect(await running).toMatchObject({ code: expect.stringMatching(/57P01|CONNECTION_CLOSED|ECONNRESET/) });
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it("a query continues when its cancellation fails because the server no longer answers", async () => {
    const wire = await wireTo(database.directUrl);
    const sql = driver(wire.url);
    await sql`select 1`;
    const running = sql`select 'done' as it from pg_sleep(0.5)`.execute();
    await eventually(async () => expect(await sleepers()).toHaveLength(1));
    wire.refuse();
    running.cancel();
    expect(await running).toEqual([{ it: "done" }]);
  });

  it("queries that are sent while connections end fail or succeed, and none waits forever", async () => {
    const sql = driver(database.directUrl, { max: 3 });
    for (let round = 0; round < 40; round++) {
      const queries = Array.from({ length: 12 }, (_, n) => sql`select ${n}::int as n`);
      const [results] = await Promise.all([Promise.allSettled(queries), kill()]);
      for (const [n, result] of results.entries()) {
        if (result.status === "fulfilled") expect(result.value).toEqual([{ n }]);
        else expect(result.reason.code).toMatch(/57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE/);
      }
    }
    // The pool may not have detected the last kill yet; after that, every connection of the pool works.
    await eventually(() => Promise.all([1, 2, 3].map((n) => sql`select ${n}::int as n`)));
  });

  it("a transaction whose connection ends writes nothing, before or after", async () => {
    const sql = driver();
    const transaction = sql.begin(async (tx) => {
      await tx`insert into written values ('before')`;
      await killed();
      // Code that ignores the failure and continues must not get another connection.
      await tx`insert into written values ('after')`.catch(() => {});
      await sql`select 1`.catch(() => {});
      await tx`insert into written values ('much later')`.catch(() => {});
    });
    await expect(transaction).rejects.toMatchObject({
      code: expect.stringMatching(/57P01|CONNECTION_CLOSED|ECONNRESET/),
    });
    expect(await written()).toEqual([]);
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it("later writes of a failed transaction are not executed in the next one", async () => {
    const sql = driver();
    let goOn = () => {};
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    const dead = sql.begin(async (tx) => {
      await tx`insert into written values ('dead')`;
      await gone;
      await tx`insert into written values ('from the dead')`;
    });
    const outcome = dead.then(
      () => "committed",
      () => "failed",
    );
    await eventually(async () =>
      expect(
        await database.sql`select 1 from pg_stat_activity where application_name = 'victim' and state = 'idle in transaction' and datname = current_database()`,
      ).toHaveLength(1),
    );
    await killed();

    await sql.begin(async (tx) => {
      await tx`insert into written values ('living')`;
      goOn();
      expect(await outcome).toBe("failed");
      await tx`insert into written values ('living, too')`;
    });
    expect(await written()).toEqual(["living", "living, too"]);
  });

  it("a reset inside a transaction leaves a pool that works and can be closed", async () => {
    const wire = await wireTo(database.directUrl);
    const sql = driver(wire.url);
    await expect(
      sql.begin(async (tx) => {
        await tx`insert into written values ('reset')`;
        await wire.cut();
        await tx`select 1`;
      }),
    ).rejects.toThrow();
    await wire.mend();
    for (let n = 0; n < 5; n++) expect(await sql`select ${n}::int as n`).toEqual([{ n }]);
    expect(await written()).toEqual([]);
    await sql.end();
  });
});

it("queries that wait for a reserved connection or a closing pool are refused when the connection is lost", async () => {
  const sql = driver();
  const reserved = await sql.reserve();
  const waiting = [1, 2, 3].map((n) => reserved`select pg_sleep(10), ${n}::int`);
  const results = Promise.allSettled(waiting);
  await eventually(async () => expect(await kill()).toHaveLength(1));
  expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);

  const ending = driver();
  const running = ending.begin((tx) => tx`select pg_sleep(10)`).catch(() => "failed");
  await eventually(async () => expect(await backends()).toHaveLength(1));
  const queued = ending`select 1`.then(
    () => "ran",
    () => "refused",
  );
  const ended = ending.end();
  await kill();
  expect(await Promise.all([running, queued])).toEqual(["failed", "refused"]);
  await ended;
  await eventually(async () => expect(await backends()).toHaveLength(0));
});

it("a server that closes the connection during its start causes an error, not an endless loop", async () => {
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket.on("error", () => {});
    socket.end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const sql = driver(`postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`);
  await expect(sql`select 1`).rejects.toMatchObject({ code: expect.stringMatching(/CONNECTION_CLOSED|ECONNRESET/) });
  expect(calls).toBe(1);
});
