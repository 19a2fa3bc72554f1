import { expect, it, onTestFinished } from "vitest";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { LockWaitError, StoppedError } from "../../src/migrator/errors.ts";
import { withLogin } from "../support/database.ts";
import { listener } from "../support/events.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";
import { command, said } from "../support/process.ts";
import { wireTo } from "../support/proxy.ts";

const widen = { tag: "0000_widen", up: "alter table busy add column more int;" };

it("a migration that waits for a long transaction retries without blocking readers until it succeeds", async () => {
  const { sql, target } = await emptyDatabase();
  await sql`create table busy (id int)`;
  const { folder } = migrationsOf(widen);
  const { onEvent, events, next } = listener();
  let running: ReturnType<typeof up> | undefined;
  await sql.begin(async (holder) => {
    await holder`select * from busy`;
    const retried = next("retry");
    running = up({ target, folder, lockTimeout: 100, onEvent });
    await retried;
    // Without the lock timeout of the migration, this query would wait until the holder ends.
    await sql.begin(async (reader) => {
      await reader`set local statement_timeout = '10s'`;
      await reader`select * from busy`;
    });
    const waiting = next("waiting");
    const again = next("retry");
    await Promise.race([waiting, again]);
  });
  expect(await running).toMatchObject({ results: [{ outcome: "applied" }] });
  expect(events).toContainEqual(
    expect.objectContaining({ type: "retry", reason: expect.stringContaining("lock timeout") }),
  );
});

it("a waiting migration reports the process, application and user of the blocking session, without its query", async () => {
  const { sql, target } = await emptyDatabase();
  await sql`create table busy (id int)`;
  const { folder } = migrationsOf(widen);
  const { onEvent, events, next } = listener();
  let running: ReturnType<typeof up> | undefined;
  await sql.begin(async (holder) => {
    await holder`set local application_name = 'a report'`;
    await holder`select 'a secret' from busy`;
    const waiting = next("waiting");
    running = up({ target, folder, lockTimeout: 60_000, onEvent });
    await waiting;
  });
  await running;
  expect(events.find(({ type }) => type === "waiting")).toMatchObject({
    tag: "0000_widen",
    behind: [
      expect.stringMatching(/^process \d+ \(a report, user \S+, idle in transaction, transaction open for \d+ s\)$/),
    ],
  });
});

it("up fails after lockWait when another session holds the table, and changes nothing", async () => {
  const { sql, target } = await emptyDatabase();
  await sql`create table busy (id int)`;
  await sql.begin(async (holder) => {
    await holder`select * from busy`;
    const { error } = await up({ target, folder: migrationsOf(widen).folder, lockTimeout: 50, lockWait: 300 });
    expect(error?.message).toMatch(
      /0000_widen\.sql:1:1: canceling statement due to lock timeout \(55P03\)[\s\S]*rolled back completely\.\nAnother session held the table/,
    );
  });
});

it("up waits for another migrator no longer than lockWait", async () => {
  const { sql, target } = await emptyDatabase();
  const { folder } = migrationsOf({ tag: "0000_slow", up: "select pg_sleep(600);" });
  const stopping = new AbortController();
  const { onEvent, next } = listener();
  const started = next("start");
  const slow = up({ target, folder, signal: stopping.signal, onEvent });
  await started;
  const { folder: other } = migrationsOf({ tag: "0000_other", up: "select 1;" });
  const late = await up({ target, folder: other, lockWait: 200 }).catch((error: unknown) => ({ error }));
  expect(late.error).toBeInstanceOf(LockWaitError);
  expect(String(late.error)).toMatch(
    /Another migrator has held the migrator lock of this database for 0\.2 s: process \d+ \(aeturnis-data migrate, user .*Nothing was changed/,
  );
  const { error } = await up({ target, folder, lockWait: 200 });
  expect(error?.message).toMatch(/State of the database: no migration is applied; 0000_slow was not begun\.$/);

  stopping.abort();
  const report = await slow;
  expect(report.error).toBeInstanceOf(StoppedError);
  expect(report.error?.message).toMatch(
    /Stopped on request\.\nState of the database: no migration is applied; 0000_slow was rolled back/,
  );
  // The abort cancels the query on the server, too.
  expect(
    await sql`select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid() and datname = current_database()`,
  ).toHaveLength(0);
});

it("a migration that is killed with SIGKILL is rolled back, and the next up applies it", async () => {
  const { sql, url, target } = await emptyDatabase();
  const { folder, write } = migrationsOf(
    { tag: "0000_a", up: "create table a (id int);" },
    { tag: "0001_b", up: "create table b (id int);\n--> statement-breakpoint\nselect pg_sleep(600);" },
  );
  const running = command(["migrate", "up", "--folder", folder], { DATABASE_URL: url });
  await said(running, /"tag":"0001_b","direction":"up"/);
  running.child.kill("SIGKILL");
  await running.ended;
  write({ tag: "0000_a", up: "create table a (id int);" }, { tag: "0001_b", up: "create table b (id int);" });
  const { results } = await up({ target, folder });
  expect(results).toMatchObject([{ tag: "0001_b", outcome: "applied" }]);
  expect(await sql`select to_regclass('a')::text as a, to_regclass('b')::text as b`).toEqual([{ a: "a", b: "b" }]);
});

it("Ctrl-C rolls the migration back, reports the state of the database, and exits with 130", async () => {
  const { url, target } = await emptyDatabase();
  const { folder } = migrationsOf(
    { tag: "0000_a", up: "create table a (id int);" },
    { tag: "0001_b", up: "select pg_sleep(600);" },
  );
  const running = command(["migrate", "up", "--folder", folder], { DATABASE_URL: url });
  await said(running, /"tag":"0001_b","direction":"up"/);
  running.child.kill("SIGINT");
  const { code, output } = await running.ended;
  expect(code).toBe(130);
  expect(output).toMatch(/State of the database: it is at 0000_a; 0001_b was rolled back completely/);
  expect((await status({ target, folder })).migrations.map(({ state }) => state)).toEqual(["applied", "pending"]);
});

it("the statement_timeout of a role does not apply to migrations", async () => {
  const { sql, url } = await emptyDatabase({ direct: true });
  const role = `migrator_${process.pid}`;
  await sql.unsafe(
    `create role ${role} login superuser password 'x'; alter role ${role} set statement_timeout = '50ms'`,
  );
  onTestFinished(async () => {
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  });
  const as = withLogin(url, { user: role, password: "x" });
  const { folder } = migrationsOf(
    { tag: "0000_slow", up: "select pg_sleep(0.2);" },
    { tag: "0001_bare", up: "-- migrate: no-transaction\nvacuum;\n--> statement-breakpoint\nselect pg_sleep(0.2);" },
  );
  expect((await up({ target: { url: as }, folder })).error).toBeUndefined();
});

it("a command says that it waits for a database that does not answer, and stops on request", async () => {
  const { url } = await emptyDatabase();
  const wire = await wireTo(url);
  await wire.cut();
  const stopping = new AbortController();
  const messages: string[] = [];
  const stopped = status({
    target: { url: wire.url },
    signal: stopping.signal,
    onEvent: (event) => {
      if (event.type === "warning") messages.push(event.message);
      stopping.abort();
    },
  });
  await expect(stopped).rejects.toThrow(new StoppedError("Stopped on request."));
  expect(messages).toEqual([`Waiting for PostgreSQL at ${new URL(wire.url).host}, which does not answer.`]);
});
