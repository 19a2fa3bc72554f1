import { sql } from "drizzle-orm";
import { expect, it, onTestFinished } from "vitest";
import { connectTo, createDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { wireTo } from "../support/proxy.ts";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceForTest } from "../support/service.ts";

async function serviceWithMetrics(env: Record<string, string> = {}) {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const wire = await wireTo(database.url);
  const service = await serviceForTest(wire.url, { env: { ADMIN_PORT: "0", ...env } });
  /** The values of the metrics, by their names with labels. */
  const scrape = async () => {
    const answer = await fetch(service.metricsUrl as string);
    expect(answer.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const lines = (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
    );
  };
  return { database, service, scrape, wire };
}

it("calls are counted by procedure and code, and their duration with them", async () => {
  const { database, service, scrape } = await serviceWithMetrics();
  const { token } = await account(database.sql);
  const client = clientOf(service.url, token);
  for (let call = 0; call < 3; call++) await client.users.me.query();
  await refusal(clientOf(service.url).users.me.query());
  await refusal(client.users.byId.query({ id: "none" }));
  for (let name = 0; name < 50; name++) await fetch(`${service.url}/unknown.name${name}`);

  const metrics = await scrape();
  const counts = [...metrics].filter(([name]) => name.startsWith("aeturnis_procedure_duration_seconds_count"));
  expect(Object.fromEntries(counts)).toEqual({
    'aeturnis_procedure_duration_seconds_count{procedure="users.me",code="OK"}': 3,
    'aeturnis_procedure_duration_seconds_count{procedure="users.me",code="UNAUTHORIZED"}': 1,
    'aeturnis_procedure_duration_seconds_count{procedure="users.byId",code="FORBIDDEN"}': 1,
  });
  const sum = metrics.get('aeturnis_procedure_duration_seconds_sum{procedure="users.me",code="OK"}');
  expect(sum).toBeGreaterThan(0);
  expect(sum).toBeLessThan(60);
});

it("the process, its pool and the audit trail have gauges", async () => {
  const { scrape } = await serviceWithMetrics({ DATABASE_POOL_MAX: "4" });
  const metrics = await scrape();
  expect(Object.fromEntries(metrics)).toMatchObject({
    aeturnis_ready: 1,
    aeturnis_pool_size: 4,
    aeturnis_pool_waiting: 0,
    aeturnis_audit_tails: 0,
    aeturnis_audit_months_ahead: 3,
    aeturnis_audit_rows_beyond: 0,
    aeturnis_audit_problems: 0,
    'aeturnis_authentication_events_total{event="sign_in_completed"}': 0,
  });
  expect(metrics.get("aeturnis_queries_total")).toBeGreaterThan(0);
  for (const name of ["nodejs_eventloop_lag_p99_seconds", "process_resident_memory_bytes"])
    expect(metrics.get(name)).toBeGreaterThan(0);
});

it("work that has a connection, and work that waits for one, is counted", async () => {
  const { database } = await serviceWithMetrics();
  const { db, pool, close } = await connectTo(database.url, { DATABASE_POOL_MAX: "2" });
  onTestFinished(() => close());
  const lock = sql`select pg_advisory_xact_lock(20261128)`;
  let works: Promise<unknown>[] = [];
  await database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(20261128)`;
    // A transaction counts once, whatever it runs.
    works = [db.transaction((inner) => inner.execute(lock)), db.execute(lock).then(), db.execute(lock).then()];
    await eventually(() => expect(pool()).toEqual({ size: 2, busy: 2, waiting: 1 }));
  });
  await Promise.all(works);
  expect(pool()).toEqual({ size: 2, busy: 0, waiting: 0 });
});

it("while the database is away, its gauges are not numbers, and the others are", async () => {
  const { scrape, wire } = await serviceWithMetrics();
  await wire.cut();
  await eventually(async () => expect((await scrape()).get("aeturnis_ready")).toBe(0));
  const metrics = await scrape();
  for (const name of ["aeturnis_audit_months_ahead", "aeturnis_audit_problems"]) expect(metrics.get(name)).toBeNaN();
  expect(metrics.get("process_resident_memory_bytes")).toBeGreaterThan(0);
});
