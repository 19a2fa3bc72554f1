import { sql } from "drizzle-orm";
import { expect, it, onTestFinished } from "vitest";
import { prepareAuditPartitions } from "../../src/database/audit-partitions.ts";
import type { Job } from "../../src/jobs/job.ts";
import { partitionCreation } from "../../src/jobs/partition-creation.ts";
import { startScheduler } from "../../src/jobs/scheduler.ts";
import { createDatabase, openPool, quiet } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";
import { endMonths } from "../support/partitions.ts";
import { command } from "../support/process.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

async function databaseForTest() {
  const database = await createDatabase({ direct: true });
  onTestFinished(database.drop);
  const { sql } = database;
  const runway = async () => ({ ...(await sql`select * from audit_log_runway()`)[0] });
  return { ...database, runway };
}

it("creates one month in a run, and asks for the next run until there are enough", async () => {
  const { url, runway } = await databaseForTest();
  const { db } = await openPool(url);
  const job = partitionCreation(5);
  const run = async () => {
    const requested: Job[] = [];
    const runNext = (jobs: readonly Job[]) => void requested.push(...jobs);
    await db.transaction((tx) => job.run({ tx, log: quiet, runNext }));
    return [(await runway())["months_ahead"], requested];
  };
  expect(await run()).toEqual([4, [job]]);
  expect(await run()).toEqual([5, []]);
  expect(await run()).toEqual([5, []]);
});

it("preparing the last partition lifts the time limit of statements for that alone", async () => {
  const { url } = await databaseForTest();
  const { db } = await openPool(url);
  await db.transaction(async (tx) => {
    const limit = async () => [...(await tx.execute(sql`show statement_timeout`))];
    const before = await limit();
    expect(before).not.toEqual([{ statement_timeout: "0" }]);
    await prepareAuditPartitions(tx);
    expect(await limit()).toEqual(before);
  });
});

it("creates the months of AUDIT_MONTHS_AHEAD at the start, and reports how far they reach", async () => {
  const { url, runway } = await databaseForTest();
  const { log, lines } = readableLog("info");
  const service = await serviceForTest(url, { log, env: { AUDIT_MONTHS_AHEAD: "8" } });
  await eventually(async () => expect(await runway()).toMatchObject({ months_ahead: 8 }));
  const [created, ...others] = lines.filter(({ msg }) => msg === "partitions of the audit trail created");
  expect([created?.["partitions"], others]).toMatchObject([{ length: 5 }, []]);

  const [year = 0, month = 0] = new Date().toISOString().split("-").map(Number);
  const reported = {
    endsAt: new Date(Date.UTC(year, month - 1 + 9)).toISOString().replace(".000", ""),
    monthsAhead: 8,
    hasRowsBeyond: false,
  };
  const readiness = await fetch(new URL("/readyz", service.url));
  expect([readiness.status, await readiness.json()]).toEqual([
    200,
    { status: "ready", database: true, writable: true, pending: [], auditRunway: reported },
  ]);
  expect(await clientOf(service.url, serviceToken).health.details.query()).toMatchObject({ auditRunway: reported });
});

it("after a year without a service, keeps the rows in their place and creates all months", async () => {
  const { url, sql, runway } = await databaseForTest();
  await endMonths(sql, { months: 12 });
  await sql`insert into audit_log (action, created_at) select 'x', now() - make_interval(months => n) from generate_series(0, 11) n`;
  const [before] = await sql`select array_agg(ctid order by created_at) as places from partitions.audit_log_beyond`;
  expect(await runway()).toMatchObject({ months_ahead: -13, has_rows_beyond: true });

  const { db } = await openPool(url);
  const scheduler = startScheduler([partitionCreation(12)], { db, log: quiet });
  onTestFinished(scheduler.stop);
  await eventually(async () => expect(await runway()).toMatchObject({ months_ahead: 12, has_rows_beyond: false }));
  const [wide] = await sql`select relation::text as name from audit_log_bounds() order by lower_bound limit 1`;
  const [after] = await sql.unsafe(
    `select array_agg(ctid order by created_at) as places from ${wide?.["name"]} where action = 'x'`,
  );
  expect(after).toEqual(before);
});

it("`audit status` and /readyz, which stays 200, warn of too few months and of rows beyond them", async () => {
  const { url, sql } = await databaseForTest();
  const status = (...options: string[]) => command(["audit", "status", ...options], { DATABASE_URL: url }).ended;
  expect(await status()).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^Months .*, 3 months after.*\nNo problems\.\n$/s),
  });

  await endMonths(sql, { months: 12 });
  await sql`insert into audit_log (action) values ('x')`;
  const problems = [
    expect.stringMatching(
      /^the months of audit_log end on \d{4}-\d\d-01, with less than 3 whole months after this one$/,
    ),
    expect.stringMatching(
      /^partitions.audit_log_beyond has rows: of \d{4}-\d\d-01 or later, which is beyond all months$/,
    ),
  ];
  const { code, output } = await status("--json");
  expect([code, JSON.parse(output)]).toMatchObject([
    1,
    { problems, runway: { monthsAhead: -13, hasRowsBeyond: true } },
  ]);
  expect((await status()).output).toMatch(
    /Problems:\n {2}the months of audit_log end on .*\n {2}partitions\.audit_log_beyond/,
  );

  // A reader of the trail keeps the service from making months.
  const reader = await sql.reserve();
  onTestFinished(() => reader.release());
  await reader`begin`;
  await reader`select from audit_log limit 1`;
  const service = await serviceForTest(url);
  const readiness = await fetch(new URL("/readyz", service.url));
  expect([readiness.status, await readiness.json()]).toMatchObject([200, { status: "ready", audit: problems }]);
  await reader`rollback`;
});
