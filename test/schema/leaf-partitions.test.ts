import type postgres from "postgres";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { actionsInOrder, sequenceAll } from "../support/audit-order.ts";
import { createDatabase, openPool } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { endMonths } from "../support/partitions.ts";
import { serviceForTest } from "../support/service.ts";

let sql: postgres.Sql;
let url: string;
beforeEach(async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  ({ sql, url } = database);
});

/** The partitions of a table, without its name, with their bounds. */
const partitionsOf = (table: string) => sql`
  select replace(relation::text, ${`partitions.${table}_`}, '') as name, lower_bound::text as from, upper_bound::text as to
  from audit_log_bounds(${table}::text::regclass)`;

/** The rows whose leaf is in a partition of another stretch of time. */
const strayLeaves = () => sql`
  select action from audit_leaves as leaf join audit_log as entry using (id, created_at)
  where replace(leaf.tableoid::regclass::text, 'audit_leaves', 'audit_log') <> entry.tableoid::regclass::text`;

async function expectSamePartitions(): Promise<void> {
  expect(await partitionsOf("audit_leaves")).toEqual([...(await partitionsOf("audit_log"))]);
  expect(await strayLeaves()).toEqual([]);
}

it("the log has the partitions of the trail, from the migration on", expectSamePartitions);

it("leaves in the last partition are moved when the trail's has become one of months", async () => {
  await endMonths(sql, { months: 5 });
  await sql`
    insert into audit_log (action, created_at) select 'n' || n, date_trunc('month', now()) - (6 - n) * interval '1 month' + interval '1 day'
    from generate_series(1, 5) n`;
  await sequenceAll(sql);
  const actions = await actionsInOrder(sql);
  // The stretch of the leaves' last partition differs from that of the trail.
  await sql`select create_audit_log_partitions(2)`;
  expect(await partitionsOf("audit_leaves")).toHaveLength(1);
  expect(await strayLeaves()).toHaveLength(5);
  await sql`select create_audit_leaves_partitions()`;
  expect(await strayLeaves()).toEqual([]);
  expect(await actionsInOrder(sql)).toEqual(actions);
  expect([...(await sql`select create_audit_leaves_partitions()`)]).toEqual([]);
});

it("a service makes the partitions of both, and rows of years ahead are given their index", async () => {
  await sql`insert into audit_log (action, created_at) values ('ahead', now() + interval '3 years')`;
  await sequenceAll(sql);
  await serviceForTest(url, { env: { AUDIT_MONTHS_AHEAD: "8" } });
  await eventually(async () => {
    expect(await partitionsOf("audit_log")).toHaveLength(10);
    await expectSamePartitions();
  });
  expect(await actionsInOrder(sql)).toEqual(["ahead"]);
});

it("a partition that was detached from the trail and attached again keeps its leaves", async () => {
  await sql`insert into audit_log (action) values ('x')`;
  await sequenceAll(sql);
  const [{ name = "" } = {}] = await sql`select tableoid::regclass::text as name from audit_log`;
  await sql.unsafe(`alter table audit_log detach partition ${name}`);
  await sql`select create_audit_leaves_partitions()`;
  await sql`select create_audit_log_partitions()`;
  expect(await actionsInOrder(sql)).toEqual(["x"]);
  await expectSamePartitions();
});

it("a service gives an index to a row of a month that was attached to the trail, and to the rows after it", async () => {
  await serviceForTest(url);
  await sql`select attach_audit_log_partition('audit_log_2020_01', '2020-01-01 00:00:00+00', '2020-02-01 00:00:00+00')`;
  await sql`insert into audit_log (action, created_at) values ('old', '2020-01-15 00:00:00+00'), ('new', now())`;
  await eventually(async () => expect(await actionsInOrder(sql)).toEqual(["old", "new"]));
  expect((await partitionsOf("audit_leaves"))[0]).toEqual((await partitionsOf("audit_log"))[0]);
});

describe("leaves", () => {
  it.each([
    "update audit_leaves set index = index + 1",
    "delete from audit_leaves",
    "truncate audit_leaves",
    "truncate audit_leaves, audit_log",
  ])("refuse `%s`, also to their owner", async (statement) => {
    await sql`insert into audit_log (action) values ('x')`;
    await sequenceAll(sql);
    await expect(sql.unsafe(statement)).rejects.toMatchObject({ code: "0A000" });
    const [{ name = "" } = {}] = await sql`select tableoid::regclass::text as name from audit_leaves`;
    await expect(sql.unsafe(statement.replaceAll(/audit_leaves/g, name))).rejects.toMatchObject({ code: "0A000" });
    expect(await actionsInOrder(sql)).toEqual(["x"]);
  });

  it("a disabled trigger of theirs is a problem that is reported", async () => {
    const { db } = await openPool(url);
    const { findAuditProblems } = await import("../../src/database/audit-problems.ts");
    expect(await findAuditProblems(db)).toEqual([]);
    await sql`alter table audit_leaves disable trigger refuse_change`;
    expect(await findAuditProblems(db)).toContainEqual({
      problem: "rows of public.audit_leaves can be changed: trigger refuse_change is disabled",
      blocksWrites: false,
    });
  });
});
