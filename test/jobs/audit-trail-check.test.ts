import { expect, it, onTestFinished } from "vitest";
import { auditTrailCheck } from "../../src/jobs/audit-trail-check.ts";
import { partitionCreation } from "../../src/jobs/partition-creation.ts";
import { recorderRefresh } from "../../src/jobs/recorder-refresh.ts";
import { startScheduler } from "../../src/jobs/scheduler.ts";
import { createDatabase, openPool } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";

/** The jobs on a database of the test's, with the check every 50 ms. */
async function scheduled(repairs = [partitionCreation(3), recorderRefresh]) {
  const database = await createDatabase({ direct: true });
  const { log, lines } = readableLog("info");
  const { db } = await openPool(database.url);
  const scheduler = startScheduler([{ ...auditTrailCheck(repairs), interval: 50 }], { db, log });
  onTestFinished(async () => {
    scheduler.stop();
    await database.drop();
  });
  const problems = () => lines.filter(({ msg }) => msg === "the audit trail has a problem");
  return { sql: database.sql, lines, problems };
}

it("the audit trail check creates a missing partition and reports no problem", async () => {
  const { sql, lines, problems } = await scheduled();
  const [row] = await sql`select relname from audit_log_bounds() join pg_class on oid = relation limit 1`;
  await sql.unsafe(`drop table partitions.${row?.["relname"]}`);
  await eventually(() =>
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "partitions of the audit trail created", partitions: [row?.["relname"]] }),
    ),
  );
  expect(problems()).toEqual([]);
});

it("the audit trail check logs a problem that the repairs do not solve once, and again when it comes back", async () => {
  const { sql, problems } = await scheduled();
  const disabled = [
    expect.objectContaining({ level: "error", problem: "public.users: trigger record_update is disabled" }),
  ];
  await sql`alter table users disable trigger record_update`;
  await eventually(() => expect(problems()).toEqual(disabled));
  await sql`select pg_sleep(0.3)`;
  expect(problems()).toEqual(disabled);

  await sql`alter table users enable trigger record_update`;
  await sql`select pg_sleep(0.3)`;
  await sql`alter table users disable trigger record_update`;
  await eventually(() => expect(problems()).toEqual([...disabled, ...disabled]));
});

it("the audit trail check logs a warning of what does not keep changes from being recorded", async () => {
  const { sql, problems } = await scheduled([]);
  await sql`insert into audit_log (action, created_at) values ('x', now() + interval '1 year')`;
  const problem = expect.stringMatching(/^partitions.audit_log_beyond has rows/);
  await eventually(() => expect(problems()).toEqual([expect.objectContaining({ level: "warn", problem })]));
});

it("regenerates the audit trigger of a table that has a new column", async () => {
  const database = await createDatabase({ direct: true });
  const { log, lines } = readableLog("info");
  const { db } = await openPool(database.url);
  await database.sql`alter table users add column guild text`;
  const scheduler = startScheduler([recorderRefresh], { db, log });
  onTestFinished(async () => {
    scheduler.stop();
    await database.drop();
  });
  await eventually(() =>
    expect(lines).toContainEqual(expect.objectContaining({ msg: "audit triggers regenerated", tables: ["users"] })),
  );
});
